import datetime
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.shortcuts import render
from django.urls import path
from django.utils import timezone


def index(request):
    User.objects.get_or_create(username="ada")
    with connection.cursor() as cursor:
        cursor.execute("select 6 * 7, current_setting('server_version_num')::int / 10000")
        rows = cursor.fetchall()
    noon = timezone.localtime(datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.timezone.utc))
    return render(request, "index.html", {"rows": rows, "users": User.objects.all(), "hour": noon.hour})


urlpatterns = [path("", index), path("admin/", admin.site.urls)]
