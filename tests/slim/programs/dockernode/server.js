const app = require('express')();
app.get('/', (q, r) => r.json({hello: 'node', zone: new Intl.DateTimeFormat('de').format(new Date(0))}));
app.listen(__PORT__, '127.0.0.1');
