#!/bin/sh
set -e
python manage.py migrate
exec gunicorn -b 127.0.0.1:__PORT__ shop.wsgi
