"""Fills the app with data, and writes the configuration that protects it."""

from pathlib import Path
from secrets import token_bytes, token_hex

from psycopg import sql

from daytwo.core.crypt import Key, new_key
from daytwo.core.secrets import Secret
from daytwo.demo.place import Place
from daytwo.demo.postgres import HOST, SUPERUSER, Server

DATABASE = "shop"
_ROLE = "shop"
CUSTOMERS, ORDERS = 5_000, 40_000
_PHOTO_BYTES = 3 << 20

_SHOP = """
create table customers (
  id int primary key, name text not null, email text not null unique, city text, since date not null);
create table orders (
  id int primary key, customer int not null references customers (id), placed_at timestamptz not null,
  item text not null, amount numeric(10, 2) not null);
create index orders_by_customer on orders (customer);
"""
# The numbers come from a multiplicative hash, so that rows differ from each other and are the same in every demo.
_CUSTOMERS = """
insert into customers
select n, 'Customer ' || n, 'customer' || n || '@example.com',
  case when n % 11 = 0 then null else (array['Bern', 'Köln', 'Łódź', 'Porto', 'Zürich'])[1 + n % 5] end,
  '2019-01-01'::date + (n::bigint * 7919 % 2500)::int
from generate_series(1, {}) n
"""
_ORDERS = """
insert into orders
select n, 1 + n::bigint * 2654435761 % {}, '2026-01-01 08:00+00'::timestamptz + n * interval '317 seconds',
  (array['Bicycle', 'Lamp', 'Pump', 'Saddle "Comfort"', 'Bell; brass'])[1 + n % 5],
  (n::bigint * 48271 % 199900 + 100) / 100.0
from generate_series(1, {}) n
"""
_LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
  <circle cx="32" cy="32" r="28" fill="none" stroke="#345" stroke-width="6"/>
</svg>
"""

CONFIG = """\
app: exports
environment: demo

services:
  db:
    kind: postgres
    host: {host}
    port: {port}
    user: {user}
    database: {database}
    password: {{file: db-password}}
    bin: {bin}
  exports:  {{kind: sqlite, path: app/data/exports.sqlite}}
  uploads:  {{kind: files, path: app/uploads}}
  settings: {{kind: env, paths: [app/settings.env], secret: true}}

recovery:
  recipients:
    - {recipient}

repositories:
  local: {{kind: archive, path: ./backups}}

backups:
  nightly: {{at: "0 3 * * *", to: local, keep: {{last: 7}}}}
"""


def fill(place: Place, server: Server) -> None:
    """Make the shop's database, the app's settings with its secrets, and a few uploads."""
    password = Secret(token_hex(16))
    with server.connect() as admin:
        # A password has no other way into this statement; it travels to loopback only, and the server logs nothing.
        admin.execute(
            sql.SQL("create role {} login password {}").format(sql.Identifier(_ROLE), sql.Literal(password.reveal()))
        )
        admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(_ROLE)))
    with server.connect(DATABASE) as shop:
        shop.execute(sql.SQL("set role {}").format(sql.Identifier(_ROLE)))
        shop.execute(_SHOP)
        shop.execute(sql.SQL(_CUSTOMERS).format(sql.Literal(CUSTOMERS)))
        shop.execute(sql.SQL(_ORDERS).format(sql.Literal(CUSTOMERS), sql.Literal(ORDERS)))
        shop.execute("analyze")
    url = f"postgresql://{_ROLE}:{password.reveal()}@{HOST}:{server.port}/{DATABASE}"
    _private(place.app / "settings.env", f"COMPANY=Example Bicycles\nDATABASE_URL={url}\nSIGNING_KEY={token_hex(32)}\n")
    _uploads(place.app / "uploads")


def configure(place: Place, server: Server) -> Key:
    """Make a recovery key, and write `daytwo.yaml`, the database's password and the key.

    Returns:
        The key.
    """
    key = new_key()
    _private(place.database_password, server.password.reveal() + "\n")
    _private(place.recovery_key, key.secret.reveal() + "\n")
    values = {"host": HOST, "port": server.port, "user": SUPERUSER, "database": DATABASE, "bin": _quoted(place.bin)}
    place.config.write_text(CONFIG.format(**values, recipient=key.recipient), encoding="utf-8")
    return key


def _uploads(folder: Path) -> None:
    """A small picture, a large incompressible one, a name with more than ASCII in it, an empty file."""
    (folder / "photos").mkdir(parents=True)
    (folder / "logo.svg").write_text(_LOGO, encoding="utf-8")
    (folder / "photos" / "warehouse.raw").write_bytes(token_bytes(_PHOTO_BYTES))
    (folder / "photos" / "Zürich, front door.txt").write_text("The key is under the mat.\n", encoding="utf-8")
    (folder / "photos" / "to-do.txt").touch()


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _quoted(path: Path) -> str:
    """A path as YAML takes it, also with a colon or a hash in it."""
    text = str(path)
    return text if all(sign.isalnum() or sign in "/-_." for sign in text) else "'" + text.replace("'", "''") + "'"
