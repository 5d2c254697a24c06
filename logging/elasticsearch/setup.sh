#!/usr/bin/env bash
# Prepares Elasticsearch for the platform's logs. To be run again at will: it says the same each time.
set -euo pipefail

url=${ELASTICSEARCH_URL:-http://elasticsearch:9200}
folder=$(dirname "$0")

# The password goes by standard input: a command line can be read by everybody on the machine.
ask() {
    local method=$1 path=$2
    curl --silent --show-error --fail-with-body --config <(printf 'user = "elastic:%s"\n' "$ELASTIC_PASSWORD") \
        -X "$method" "$url$path" -H 'Content-Type: application/json' --data-binary @- --output /dev/null
    echo "$path"
}

printf '{"password":"%s"}' "$KIBANA_PASSWORD" | ask POST /_security/user/kibana_system/_password

# Logstash may write lines and nothing else: it reads no log.
ask PUT /_security/role/saas_logs_writer <<'JSON'
{
  "cluster": ["monitor"],
  "indices": [{ "names": ["logs-saas-*"], "privileges": ["create_doc", "create_index", "auto_configure", "view_index_metadata"] }]
}
JSON
printf '{"password":"%s","roles":["saas_logs_writer"]}' "$LOGSTASH_PASSWORD" | ask PUT /_security/user/logstash_saas

ask PUT /_ilm/policy/saas-logs <"$folder/ilm.json"
ask PUT /_index_template/saas-logs <"$folder/template.json"
echo "Elasticsearch is prepared for the platform's logs"
