"""The reader of SQL dumps, on text as MariaDB and as MySQL write it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytwo.core.errors import IntegrityError
from daytwo.services.mysql.reader import Part, Reader, Section, count_rows, read, sections, without_client_commands

MYSQL8 = rb"""-- daytwo: default character set utf8mb4 collate utf8mb4_0900_ai_ci
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version	8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;

--
-- Table structure for table `customer`
--

DROP TABLE IF EXISTS `customer`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `customer` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(100) DEFAULT NULL COMMENT 'INSERT INTO `x` VALUES (1)',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

--
-- Dumping data for table `customer`
--

LOCK TABLES `customer` WRITE;
INSERT INTO `customer` VALUES (1,'O\'Brien\\'),(2,'),(('),(3,''),(4,NULL);
INSERT INTO `customer` (`id`, `a(b) VALUES`) VALUES (5,_binary '\\\\\'),(\n-- Dump completed'),(6,-1.5e10);
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER `tidy` BEFORE INSERT ON `customer` FOR EACH ROW BEGIN
INSERT INTO `customer` VALUES (1,'x'),(2,'y');
-- Table structure for table `no`
END */;;
DELIMITER ;

--
-- Temporary view structure for view `v`
--

/*!50001 CREATE VIEW `v` AS SELECT
 1 AS `name`*/;

--
-- Table structure for table `we``ird ta;ble`
--

CREATE TABLE `we``ird ta;ble` (
  `id` int
) ENGINE=InnoDB;

--
-- Dumping events for database 'shop'
--
DELIMITER ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`%`*/ /*!50106 EVENT `ev` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */ ;;
DELIMITER ;

--
-- Dumping routines for database 'shop'
--
DELIMITER ;;
CREATE DEFINER=`root`@`%` FUNCTION `f`(x int) RETURNS int
    DETERMINISTIC
RETURN x ;;
CREATE PROCEDURE not_seen() select 1;;
DELIMITER ;

--
-- Final view structure for view `v`
--

/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select `customer`.`name` AS `name` from `customer` */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2024-05-01 10:00:00
"""
CUSTOMER = b"INSERT INTO `customer` VALUES (1,'O\\'Brien\\\\'),(2,'),(('),(3,''),(4,NULL);\n"
MARIADB_ROWS = CUSTOMER.replace(b"VALUES (", b"VALUES\n(").replace(b"),(2", b"),\n(2").replace(b"),(3,", b"),\n(3,")
MARIADB = MYSQL8.replace(CUSTOMER, MARIADB_ROWS.replace(b"),(4,", b"),\n(4,"))


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("dump", [MYSQL8, MARIADB], ids=["mysql", "mariadb"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 1 << 20])
def test_counts_and_contents_however_it_is_cut(dump: bytes, size: int) -> None:
    reader = read(in_pieces(dump, size))
    assert reader.counts == {"customer": 6, "we`ird ta;ble": 0}
    assert reader.contents == [
        "table customer", "trigger tidy", "table we`ird ta;ble", "event ev", "function f", "view v",
    ]  # fmt: skip
    assert reader.charset and reader.charset.collation == "utf8mb4_0900_ai_ci"


@pytest.mark.parametrize("size", [1, 13, 1 << 20])
def test_sections_hold_every_byte(size: int) -> None:
    pieces = list(sections(in_pieces(MYSQL8, size), Reader()))
    assert b"".join(piece for _, piece in pieces) == MYSQL8
    found: dict[Section, bytes] = {}
    for section, piece in pieces:
        found[section] = found.get(section, b"") + piece
    table = found[Section(Part.TABLE, "customer")]
    assert b"CREATE TABLE `customer`" in table and b"TRIGGER `tidy`" in table and b"we``ird" not in table
    assert b"EVENT `ev`" in found[Section(Part.EVENTS)]
    assert b"FUNCTION `f`" in found[Section(Part.ROUTINES)]
    assert b"select `customer`" in found[Section(Part.VIEW, "v")]
    assert found[Section(Part.FOOTER)].startswith(b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE")


@pytest.mark.parametrize("dump", [MYSQL8, MARIADB], ids=["mysql", "mariadb"])
def test_f01_a_dump_cut_anywhere_is_not_whole(dump: bytes) -> None:
    last = dump.rindex(b"-- Dump completed")
    places = random.Random(4).sample(range(1, last + len(b"-- Dump complete")), 300)
    for place in [0, *places, last + len(b"-- Dump complete")]:
        with pytest.raises(IntegrityError):
            read([dump[:place]])
    read([dump[: last + len(b"-- Dump completed")]])


def test_f01_something_after_the_last_line_is_not_whole() -> None:
    with pytest.raises(IntegrityError):
        read([MYSQL8, b"DROP DATABASE shop;\n"])


def test_f01_other_text_is_no_dump() -> None:
    for text in (b"", b"\n", b"hello\n", b"\0" * 100, b"x" * (3 << 20), b"INSERT INTO `" + b"x" * (3 << 20)):
        with pytest.raises(IntegrityError):
            read([text])


def test_memory_stays_flat_with_a_row_of_many_chunks() -> None:
    head, tail = MYSQL8.split(CUSTOMER)
    for start in (b"INSERT INTO `customer` VALUES (1,'", b"INSERT INTO `customer` VALUES\n(1,'"):
        reader = Reader()
        reader.feed(head + start)
        for _ in range(40):
            reader.feed(b"(),(\\n" * 100_000)
            assert len(reader._carry) < 10
        reader.feed(b"');\n" + tail)
        reader.end()
        assert reader.counts["customer"] == 3


TEXT = st.text(alphabet="ab'\\(),;\n\"`-", max_size=12)
VALUE = st.one_of(st.none(), st.integers(-9, 9), TEXT)


def as_sql(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace('"', '\\"')
        return f"'{escaped}'"
    return "NULL" if value is None else str(value)


@given(st.lists(st.lists(VALUE, min_size=1, max_size=4), min_size=1, max_size=8), st.integers(1, 50), st.booleans())
def test_rows_are_counted_whatever_is_in_them(rows: list[list[object]], size: int, a_line_each: bool) -> None:
    between, first = (",\n", "\n") if a_line_each else (",", " ")
    values = between.join(f"({','.join(map(as_sql, row))})" for row in rows)
    statement = f"INSERT INTO `customer` VALUES{first}{values};\n".encode()
    reader = read(in_pieces(MYSQL8.replace(CUSTOMER, statement), size))
    assert reader.counts["customer"] == len(rows) + 2


def test_count_rows_says_whether_it_ends_inside_text() -> None:
    assert count_rows(b"(1,'a(", False) == (1, True)
    assert count_rows(b"(b'),(2,'c')", True) == (1, False)


def test_client_commands_in_the_head_are_left_out() -> None:
    head = rb"-- daytwo: x" + b"\n" + rb"/*M!999999\- enable the sandbox mode */ " + b"\n-- MariaDB dump\n"
    assert without_client_commands(head) == b"-- daytwo: x\n-- MariaDB dump\n"
