"""The whole product on a real Docker Compose project, through its command line, as its user has it."""

from tests.real.compose.project import Project


def test_init_doctor_backup_verify(shop: Project) -> None:
    print(shop.written)
    (shop.folder / "daytwo.yaml").write_text(shop.written)
    print(shop.daytwo("config", "check"))
    print(shop.daytwo("doctor"))
    print(shop.daytwo("backup"))
    print(shop.daytwo("snapshots", "show", "latest"))
    print(shop.daytwo("verify", "--key", shop.key))
    print(shop.content())
