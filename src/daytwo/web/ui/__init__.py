"""The dashboard: pages for people, rendered on the server, one file a noun. Everything works without JavaScript."""
