#!/bin/sh
# One database and one user for each service that keeps something; run once, when the volume is new.
set -e
for name in mlflow prefect decisions; do
  case $name in
    mlflow) password=$MLFLOW_DB_PASSWORD ;;
    prefect) password=$PREFECT_DB_PASSWORD ;;
    decisions) password=$DECISIONS_DB_PASSWORD ;;
  esac
  psql --quiet -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v name="$name" -v password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
