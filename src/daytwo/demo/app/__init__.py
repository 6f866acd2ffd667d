"""A small real app: an internal tool that tracks exports (who took which data out of the shop, when, and where to).

It is what self-hosted tools are like: its own rows in SQLite, a PostgreSQL database, a folder of files, and a settings
file with secrets. It knows nothing of daytwo; run it alone with `python -m daytwo.demo.app FOLDER`.
"""
