#!/bin/sh
# Starts Alertmanager with the receivers that the environment names (.env.example lists the variables), as it reads none
# itself: sh start.sh FOLDER [options]. What is written into FOLDER, passwords among it, is for its owner only.
set -eu
umask 077
folder=$1
shift
from=$(dirname "$0")
mkdir -p "$folder"
config=$folder/alertmanager.yml

# A text of YAML, whatever is in it.
text() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }

reports=${CREDITRISK_REPORTS_URL:-http://127.0.0.1:9697/reports}
cp "$from"/*.tmpl "$folder"
# What stands in braces there is no part of the template.
printf '{{ define "reports" }}%s/{{ end }}\n' "$(printf %s "${reports%/}" | sed 's/{{/{{"{{"}}/g')" > "$folder/reports.tmpl"
cat "$from/alertmanager.yml" > "$config"

if [ -n "${ALERTS_SLACK_URL:-}" ]; then
    printf %s "$ALERTS_SLACK_URL" > "$folder/slack"
    cat >> "$config" <<END
    slack_configs:
      - api_url_file: $(text "$folder/slack")
        send_resolved: true
        title: '{{ template "title" . }}'
        text: '{{ template "text" . }}'
END
fi

if [ -n "${ALERTS_EMAIL_TO:-}" ]; then
    : "${ALERTS_EMAIL_FROM:?is the sender of alerts, and is not set in .env}"
    : "${ALERTS_SMTP_SERVER:?is the mail server for alerts, as host:port, and is not set in .env}"
    case ${ALERTS_SMTP_TLS:-true} in
        true | false) ;;
        *) echo 'ALERTS_SMTP_TLS is true or false in .env, and nothing else.' >&2; exit 2 ;;
    esac
    cat >> "$config" <<END
    email_configs:
      - to: $(text "$ALERTS_EMAIL_TO")
        from: $(text "$ALERTS_EMAIL_FROM")
        smarthost: $(text "$ALERTS_SMTP_SERVER")
        require_tls: ${ALERTS_SMTP_TLS:-true}
        send_resolved: true
        headers: {Subject: '{{ template "title" . }}'}
        text: '{{ template "text" . }}'
        html: ''
END
    if [ -n "${ALERTS_SMTP_USER:-}" ]; then
        printf %s "${ALERTS_SMTP_PASSWORD:-}" > "$folder/smtp"
        cat >> "$config" <<END
        auth_username: $(text "$ALERTS_SMTP_USER")
        auth_password_file: $(text "$folder/smtp")
END
    fi
fi

if [ -n "${ALERTS_WEBHOOK_URL:-}" ]; then
    cat >> "$config" <<END
    webhook_configs:
      - url: $(text "$ALERTS_WEBHOOK_URL")
        send_resolved: true
END
fi

if [ -z "${ALERTS_WAY_OUT:-}" ] && grep -q '_configs:$' "$config"; then
    echo 'Receivers are named, and no network leads to them: see COMPOSE_FILE in .env.example.' >&2
fi

unset ALERTS_SLACK_URL ALERTS_SMTP_PASSWORD ALERTS_WEBHOOK_URL
exec "$(command -v alertmanager || command -v prometheus-alertmanager)" --config.file="$config" "$@"
