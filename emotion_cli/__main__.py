"""`python -m emotion_cli` is `emo`."""

from emotion_cli.cli.app import main

if __name__ == "__main__":
    main()
