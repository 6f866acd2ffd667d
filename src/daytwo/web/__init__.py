"""The face over HTTP: the API and its pages. No logic; it calls what the lower packages offer."""
