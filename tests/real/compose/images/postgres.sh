# Does what the entry script of the official image does: initialises an empty folder with POSTGRES_USER, POSTGRES_PASSWORD
# and POSTGRES_DB, trusts its socket and asks for the password from elsewhere.
set -e
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
install -d -o postgres -g postgres -m 700 "$PGDATA"
install -d -o postgres -g postgres /run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  file=$(mktemp)
  printf '%s\n' "$POSTGRES_PASSWORD" >"$file"
  chown postgres "$file"
  as_postgres initdb --username="$POSTGRES_USER" --pwfile="$file" --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
  rm "$file"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  as_postgres pg_ctl start --wait --silent --log=/dev/null -o "-c listen_addresses= -c fsync=off"
  as_postgres createdb --username="$POSTGRES_USER" --maintenance-db=postgres "$POSTGRES_DB"
  as_postgres pg_ctl stop --wait --silent --mode=fast
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@" -c 'listen_addresses=*'
