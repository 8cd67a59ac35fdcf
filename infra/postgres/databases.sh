#!/bin/sh
# One database for each service that keeps something; run once, when the volume is new.
# The decision log has three users: its owner makes the tables (infra/first_start.py) and does nothing else; the writer
# may read and append, whatever tables the owner makes, now or later; the reader may read. What may be appended to is
# guarded twice: by these rights, and by the triggers of creditrisk/decision_log/log.py.
set -e
psql --quiet --no-psqlrc -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<'SQL'
\getenv mlflow MLFLOW_DB_PASSWORD
\getenv prefect PREFECT_DB_PASSWORD
\getenv owner DECISIONS_OWNER_PASSWORD
\getenv writer DECISIONS_WRITER_PASSWORD
\getenv reader DECISIONS_READER_PASSWORD
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE ROLE decisions_owner LOGIN PASSWORD :'owner';
CREATE ROLE decisions_writer LOGIN PASSWORD :'writer';
CREATE ROLE decisions_reader LOGIN PASSWORD :'reader';

CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE prefect OWNER prefect ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE decisions OWNER decisions_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE postgres, mlflow, prefect, decisions FROM PUBLIC;
GRANT CONNECT ON DATABASE decisions TO decisions_writer, decisions_reader;
-- What an error quotes can be an applicant's data: it stays out of the server's own log.
ALTER DATABASE decisions SET log_error_verbosity = terse;
ALTER DATABASE decisions SET log_min_error_statement = panic;

\connect decisions
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO decisions_writer, decisions_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE decisions_owner IN SCHEMA public
  GRANT SELECT, INSERT ON TABLES TO decisions_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE decisions_owner IN SCHEMA public
  GRANT USAGE ON SEQUENCES TO decisions_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE decisions_owner IN SCHEMA public
  GRANT SELECT ON TABLES TO decisions_reader;
SQL
