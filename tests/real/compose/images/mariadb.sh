# Does what the entry script of the official image does: initialises an empty folder with MARIADB_ROOT_PASSWORD,
# MARIADB_DATABASE, MARIADB_USER and MARIADB_PASSWORD.
set -e
install -d -o mysql -g mysql /var/lib/mysql /run/mysqld
if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --user=mysql --skip-test-db --auth-root-authentication-method=normal >/dev/null
  umask 077
  cat >/run/mysqld/first.sql <<SQL
alter user root@localhost identified by '$MARIADB_ROOT_PASSWORD';
create database $MARIADB_DATABASE character set utf8mb4;
create user $MARIADB_USER@'%' identified by '$MARIADB_PASSWORD';
grant all on $MARIADB_DATABASE.* to $MARIADB_USER@'%';
SQL
  chown mysql /run/mysqld/first.sql
  set -- "$@" --init-file=/run/mysqld/first.sql
fi
exec "$@" --user=mysql
