"""The commands for MariaDB's and MySQL's programs, and the scripts of a swap, as values."""

import os
from pathlib import Path

import pytest

from daytwo.core.command import Command
from daytwo.core.service import Place
from daytwo.services.mysql import Mysql
from daytwo.services.mysql.client import Settings, Tool, quoted
from daytwo.services.mysql.dump import dump_command
from daytwo.services.mysql.keys import ForeignKey
from daytwo.services.mysql.plan import Names, strays
from daytwo.services.mysql.restore import names_for

MARIADB = Tool("mariadb-dump", "10.19 Distrib 10.11.6-MariaDB")
MYSQL = Tool("mysqldump", "8.0.36")
NAMES = Names("live", "staged", "before")


def made(tool: Tool, **settings: object) -> Command:
    service = Mysql("db", Settings.model_validate({"database": "shop"} | settings), Place(Path("/"), "shop", "test"))
    return dump_command(service.client(), tool, "shop", service.settings.exclude_tables)


def test_the_password_is_in_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2hunter2")
    command = made(MARIADB, password={"env": "SHOP_PASSWORD"}, user="app")
    assert "hunter2hunter2" not in " ".join(command.argv) + str(command.env)
    assert command.secrets["MYSQL_PWD"].reveal() == os.environ["SHOP_PASSWORD"]
    assert command.argv[1] == "--no-defaults", "an option file's password would win over MYSQL_PWD"


def test_without_a_password_the_option_files_count() -> None:
    assert "--no-defaults" not in made(MARIADB).argv


def test_each_dump_program_gets_its_own_options() -> None:
    assert not [option for option in made(MARIADB, tls=True).argv if "gtid" in option or "ssl-mode" in option]
    argv = made(MYSQL, tls=True, exclude_tables=("log",)).argv
    assert {"--loose-set-gtid-purged=OFF", "--ssl-mode=REQUIRED", "--ignore-table=shop.log"} <= set(argv)
    assert argv[-1] == "shop"
    for tool in (MARIADB, MYSQL):
        assert {"--single-transaction", "--routines", "--triggers", "--events", "--hex-blob"} <= set(made(tool).argv)


def test_names_fit_and_are_quoted() -> None:
    names = names_for("x" * 64, "0123456789abcdef")
    assert len(names.staged) == len(names.before) == 64 and names.staged.endswith("_daytwo_01234567")
    assert quoted("a`b") == "`a``b`"


def key(child: str, parent: str) -> ForeignKey:
    (schema, table), (parent_schema, parent_table) = child.split("."), parent.split(".")
    return ForeignKey(schema, table, "fk", ("c",), parent_schema, parent_table, ("id",), "RESTRICT", "CASCADE")


def test_foreign_keys_that_move_whole_are_left_alone() -> None:
    keys = [key("live.a", "live.b"), key("staged.a", "staged.b")]
    assert strays(keys, NAMES, ("a", "b"), ("a", "b")) == ((), ())


def test_foreign_keys_that_a_move_would_tear() -> None:
    outside, stays, alone, kept = (
        key("other.x", "live.a"), key("live.y", "live.a"), key("staged.a", "staged.y"), key("live.a", "live.y"),
    )  # fmt: skip
    assert strays([outside, stays, alone, kept], NAMES, ("a",), ("a",)) == ((outside, stays, alone), (kept,))
    assert outside.add("other", "live") == (
        "ALTER TABLE `other`.`x` ADD CONSTRAINT `fk`"
        " FOREIGN KEY (`c`) REFERENCES `live`.`a` (`id`) ON DELETE CASCADE;\n"
    )


def test_a_password_in_the_file_is_refused() -> None:
    with pytest.raises(ValueError, match="reference, not a value"):
        Settings.model_validate({"database": "shop", "password": "hunter2"})
