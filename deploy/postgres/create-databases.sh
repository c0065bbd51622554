#!/usr/bin/env bash
# A database and an owner for each program, none of which can read another's. Run once, when the volume is empty.
set -euo pipefail

make_database() { # name, password
  # psql quotes the values (:"name" and :'password'), so that no character in them is read as SQL
  psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set name="$1" --set password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database airflow "$AIRFLOW_DB_PASSWORD"
make_database mlflow "$MLFLOW_DB_PASSWORD"
make_database ledger "$LEDGER_DB_PASSWORD"
