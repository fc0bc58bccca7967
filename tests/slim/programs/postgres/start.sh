#!/bin/sh
set -e
initdb -D /var/lib/postgresql/data -A trust -U postgres > /dev/null
exec postgres -D /var/lib/postgresql/data -p __PORT__ -k /tmp
