"""The command line. One file a noun; no logic, only words in and out."""
