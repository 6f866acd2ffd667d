"""What kinds that are watched over the network share: names, connections, TLS, HTTP; all bounded in memory and time.

Everything here is asyncio, ends when it is cancelled, and raises `UnreachableError` for what is wrong over there and a
`ConfigError` or `SecretError` for what is wrong here.
"""
