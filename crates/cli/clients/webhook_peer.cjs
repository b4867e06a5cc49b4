// The official verifiers of Standard Webhooks in Node, driven by lines of JSON as webhook_peer.py is.
const readline = require('node:readline')
const standardwebhooks = require('standardwebhooks')
const svix = require('svix')

const realNow = Date.now

function told(verify) {
  try {
    verify()
    return null
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const ask = JSON.parse(line)
  Date.now = ask.now === null ? realNow : () => ask.now * 1000
  const body = Buffer.from(ask.body, 'base64')
  const answer = {
    standardwebhooks: told(() =>
      new standardwebhooks.Webhook(ask.secret).verify(body, ask.headers, { jsonParse: false }),
    ),
    svix: told(() => new svix.Webhook(ask.secret).verify(body, ask.headers, { jsonParse: false })),
  }
  console.log(JSON.stringify(answer))
})
