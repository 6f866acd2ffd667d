"""Channels: one module a kind, each with one `core.channel.Channel` subclass."""
