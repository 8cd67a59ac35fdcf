#!/bin/sh
# Starts nginx with Prefect's password, which it cannot read from its environment itself.
set -eu
umask 077
credentials=$(printf 'riskometer:%s' "$PREFECT_PASSWORD" | base64 -w 0)
printf 'proxy_set_header Authorization "Basic %s";\n' "$credentials" > /tmp/prefect.conf
unset PREFECT_PASSWORD credentials
exec nginx "$@"
