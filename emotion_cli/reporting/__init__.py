"""Wing 4, for people: rows in, pictures and pages out; no store."""
