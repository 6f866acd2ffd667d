"""The status page: what users are told, drawn from facts and from what people wrote, never from internals."""
