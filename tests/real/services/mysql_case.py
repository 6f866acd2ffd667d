"""A shop on a real MariaDB, with whatever is awkward in a dump."""

import os
import secrets
import subprocess
from dataclasses import dataclass, field

from daytwo.core.service import Place, Service
from daytwo.services.mysql import Mysql
from daytwo.services.mysql.client import Settings
from tests.contract.services import ServiceCase
from tests.parts.mariadb import MariadbServer

PASSWORD = "DAYTWO_TEST_MYSQL_PASSWORD"

SHOP = r"""
create table customer (id int primary key auto_increment, name varchar(100) not null, photo blob, meta json);
create table `order` (
  id bigint primary key, customer int not null, note text, total decimal(10,2),
  twice decimal(10,2) as (total * 2) stored,
  constraint buyer foreign key (customer) references customer (id) on delete cascade on update cascade
);
create table tree (id int primary key, parent int, constraint up foreign key (parent) references tree (id));
create table `we``ird ta;ble` (`a 'b` int, c geometry, b bit(8), e enum('x','y;'), f double);
create table nothing_in_it (id int);
create table old (id int) engine=MyISAM;
create sequence numbers start with 10;
create table log (at timestamp default current_timestamp, text text);
insert into customer (name, photo, meta) values
  ('O''Brien; -- x', x'00ff27275c0a0d1a', '{"a": 1}'),
  ('näme ☃ 😀\n(),(),(''\\', null, 'null'),
  ('INSERT INTO `customer` VALUES\n(9,''x'');\n-- Dump completed', x'', null);
insert into `order` (id, customer, note, total) values (1, 1, '(1),(2);\n', 1.5), (2, 2, null, -2), (3, 1, '\\', 0);
insert into tree values (1, null), (2, 1), (3, 2);
insert into `we``ird ta;ble` values (1, point(1, 2), b'00101010', 'y;', 1e-300), (null, null, null, null, null);
insert into old values (1), (2);
create view per_buyer as select c.name, sum(o.total) as total from customer c join `order` o on o.customer = c.id
  group by c.name;
create view above as select count(*) as n from per_buyer;
delimiter //
create function add_one(x int) returns int deterministic begin return x + 1; end//
create procedure many() begin select ';'; select 'CREATE TABLE `x` ('; end//
create trigger tidy before insert on customer for each row begin set new.name = trim(new.name); end//
create trigger tidier before insert on customer for each row follows tidy begin set new.meta = new.meta; end//
create trigger noted after delete on `order` for each row insert into log (text) values (old.id)//
create event clean on schedule every 1 day disable do begin delete from nothing_in_it; end//
delimiter ;
"""

DAMAGE = """
delete from `order` where id = 1; update customer set name = 'x'; drop view above; drop trigger tidier;
drop function add_one; create function newer() returns int deterministic return 1;
create table later (id int primary key, c int, key (c), foreign key (c) references customer (id));
insert into later values (1, 1); create view later_view as select * from later; alter table tree add column extra int;
do nextval(numbers);
"""


@dataclass
class MysqlCase(ServiceCase):
    """One database of its own for a test, and its neighbours (`NAME_...`)."""

    server: MariadbServer
    name: str = field(default_factory=lambda: f"shop_{secrets.token_hex(5)}")

    def __post_init__(self) -> None:
        self.secrets = (self.server.password,)
        self.server.create_database(self.name)
        self.server.create_database(f"{self.name}_else")

    def settings(self, **changes: object) -> Settings:
        """Settings that reach the server from this host."""
        given: dict[str, object] = {
            "database": self.name, "user": self.server.user, "host": self.server.host, "port": self.server.port,
            "password": {"env": PASSWORD},
        }  # fmt: skip
        return Settings.model_validate(given | changes)

    def make(self, **changes: object) -> Mysql:
        """The service with other settings."""
        folder = self.server.client_file.parent
        return Mysql("db", self.settings(**changes), Place(folder, "shop", "test"))

    def service(self) -> Service:
        return self.make()

    def elsewhere(self) -> Service:
        return self.make(database=f"{self.name}_else")

    def broken(self) -> list[Service]:
        return [
            self.make(database=f"{self.name}_absent"),
            self.make(password={"env": "PATH"}),
            self.make(port=1),
            self.make(host="no.such.host.invalid"),
            self.make(container="no-such-container"),
        ]

    def sql(self, statement: str) -> str:
        """Run SQL in the live database."""
        return self.server.sql(f"set names utf8mb4;\n{statement}", self.name)

    def fill(self) -> None:
        self.sql(SHOP)

    def change(self) -> None:
        self.sql(DAMAGE)

    def destroy(self) -> None:
        self.server.sql(f"drop database `{self.name}`")

    def content(self, service: Service) -> object:
        assert isinstance(service, Mysql)
        return self.text(service.settings.database)

    def text(self, database: str) -> str:
        """All there is in a database, as SQL; not made by the code under test."""
        argv = [
            str(self.server.bin / "mariadb-dump"), f"--defaults-file={self.server.client_file}", "--skip-comments",
            "--routines", "--events", "--order-by-primary", "--default-character-set=utf8mb4", "--hex-blob", database,
        ]  # fmt: skip
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    def leftovers(self) -> object:
        return self.server.sql(f"show databases like '{self.name}%'").split()

    def remove(self) -> None:
        """Drop the databases and whatever was made beside them."""
        names = self.server.sql("show databases").split()
        for name in names:
            if name.startswith(self.name):
                self.server.sql(f"set foreign_key_checks = 0; drop database `{name}`")


def reveal(server: MariadbServer) -> None:
    """Put the password where the settings say it is."""
    os.environ[PASSWORD] = server.password
