import hashlib, sqlite3, ssl
from flask import Flask, jsonify, render_template

app = Flask(__name__)


@app.route("/")
def index():
    rows = sqlite3.connect(":memory:").execute("select 6 * 7").fetchall()
    known = ssl.create_default_context().cert_store_stats()["x509"]
    return render_template("index.html", rows=rows, tls=known > 50)


app.run(port=__PORT__)
