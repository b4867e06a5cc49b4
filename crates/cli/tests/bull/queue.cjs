// One queue of Bull 4 or BullMQ 5, worked by its own library.
//
//   queue.cjs LIBRARY REDIS_URL QUEUE COMMAND
//
// produce  adds the jobs of the JSON array on standard input, in order: {data, opts, name?}
// pause    pauses the queue
// hold     takes the next job and leaves it active; prints its data
// drain    takes every job a worker would get now, in order; prints the list of their data
// counts   prints how many jobs are in each state
'use strict';

const [library, url, name, command] = process.argv.slice(2);
const address = new URL(url);
const connection = { host: address.hostname, port: Number(address.port), maxRetriesPerRequest: null };
const database = Number(address.pathname.slice(1) || 0);
if (database) connection.db = database;

async function input() {
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  return JSON.parse(text);
}

const libraries = {
  bull() {
    const Bull = require('bull');
    const queue = new Bull(name, { redis: connection });
    return {
      queue,
      add: (job) => queue.add(job.name ?? 'generate', job.data, job.opts),
      // Bull's own look-up waits for a job when there is none, so it is asked only while there is one.
      next: async () => {
        const { waiting } = await queue.getJobCounts();
        return waiting > 0 ? queue.getNextJob() : null;
      },
      close: () => queue.close(),
    };
  },
  bullmq() {
    const { Queue, Worker } = require('bullmq');
    const queue = new Queue(name, { connection });
    const worker = new Worker(name, null, { connection, autorun: false });
    return {
      queue,
      add: (job) => queue.add(job.name ?? 'generate', job.data, job.opts),
      next: () => worker.getNextJob('token', { block: false }),
      close: async () => {
        await worker.close(true);
        await queue.close();
      },
    };
  },
};

async function main() {
  const opened = libraries[library]();
  const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  if (command === 'produce') {
    for (const job of await input()) await opened.add(job);
  } else if (command === 'pause') {
    await opened.queue.pause();
  } else if (command === 'hold') {
    say((await opened.next()).data);
  } else if (command === 'drain') {
    const all = [];
    for (let job = await opened.next(); job; job = await opened.next()) all.push(job.data);
    say(all);
  } else if (command === 'counts') {
    say(await opened.queue.getJobCounts());
  } else {
    throw new Error(`unknown command ${command}`);
  }
  await opened.close();
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
