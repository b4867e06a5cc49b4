// npm install standardwebhooks
const http = require('node:http')
const { Webhook } = require('standardwebhooks')

const webhook = new Webhook(process.env.WEBHOOK_SECRET) // whsec_…
const done = new Set() // a table with a unique key, in earnest

http
  .createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks) // the bytes as they came; in Express: express.raw({ type: '*/*' })
    let event
    try {
      event = webhook.verify(body, request.headers)
    } catch {
      response.writeHead(400).end()
      return
    }
    if (!done.has(request.headers['webhook-id'])) {
      console.log(event.type, JSON.stringify(event.data)) // put it into a queue, and work afterwards
      done.add(request.headers['webhook-id'])
    }
    response.writeHead(204).end()
  })
  .listen(Number(process.env.PORT), '127.0.0.1')
