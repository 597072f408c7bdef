"""SQL only, one select a file; the file's stem is the view, the name on the command line and the test folder."""
