// The official Node clients and the AI SDK, with their own defaults, driven by lines of JSON: see peer.py.
"use strict";

const readline = require("node:readline");

const encode = (bytes) => Buffer.from(bytes).toString("base64");

function openaiClient(ask) {
  const OpenAI = require("openai");
  const options = { apiKey: ask.key ?? "k", baseURL: ask.url };
  if (ask.timeout_s !== undefined) options.timeout = ask.timeout_s * 1000;
  if (ask.retries !== undefined) options.maxRetries = ask.retries;
  return new OpenAI(options);
}

function picturesOf(answer) {
  const data = answer.data ?? [];
  return {
    pictures: data.map((item) => item.b64_json).filter(Boolean),
    usage: answer.usage?.total_tokens ?? null,
  };
}

async function file(base64, name) {
  const { toFile } = require("openai");
  return toFile(Buffer.from(base64, "base64"), name, { type: "image/png" });
}

function replicateClient(ask) {
  const Replicate = require("replicate");
  return new Replicate({ auth: "r8_k", baseUrl: ask.url });
}

async function fetched(output) {
  const pictures = [];
  for (const item of Array.isArray(output) ? output : [output]) {
    if (item === null || item === undefined) continue;
    if (typeof item.blob === "function") {
      pictures.push(encode(await (await item.blob()).arrayBuffer()));
    } else {
      const answer = await fetch(String(item));
      if (!answer.ok) throw new Error(`the file answers ${answer.status}`);
      pictures.push(encode(await answer.arrayBuffer()));
    }
  }
  return pictures;
}

const CALLS = {
  "openai.generate": async (ask) => picturesOf(await openaiClient(ask).images.generate(ask.args)),

  "openai.edit": async (ask) => {
    const image = await Promise.all(ask.images.map((one, at) => file(one, `${at}.png`)));
    const more = ask.mask ? { mask: await file(ask.mask, "mask.png") } : {};
    return picturesOf(await openaiClient(ask).images.edit({ image, ...more, ...ask.args }));
  },

  "openai.background": async (ask) => {
    const client = openaiClient(ask);
    let response = await client.responses.create({
      model: "gpt-5.2",
      input: ask.args.prompt,
      background: true,
      tools: [{ type: "image_generation", model: ask.args.model }],
    });
    if (ask.cancel) response = await client.responses.cancel(response.id);
    while (["queued", "in_progress"].includes(response.status)) {
      await new Promise((done) => setTimeout(done, 30));
      response = await client.responses.retrieve(response.id);
    }
    const calls = response.output.filter((item) => item.type === "image_generation_call");
    return {
      pictures: calls.map((item) => item.result).filter(Boolean),
      status: response.status,
      code: response.error?.code ?? null,
    };
  },

  "replicate.run": async (ask) => {
    const output = await replicateClient(ask).run(ask.model, { input: ask.args });
    return { pictures: await fetched(output), null: output === null || output === undefined };
  },

  "replicate.poll": async (ask) => {
    const client = replicateClient(ask);
    let prediction = await client.predictions.create({ model: ask.model, input: ask.args });
    if (ask.cancel) await client.predictions.cancel(prediction.id);
    prediction = await client.wait(prediction, { interval: 30 });
    const listed = await client.predictions.list();
    return {
      pictures: await fetched(prediction.output),
      status: prediction.status,
      listed: listed.results.some((one) => one.id === prediction.id),
    };
  },

  "replicate.webhook": async (ask) => {
    const { validateWebhook } = require("replicate");
    const valid = await validateWebhook({ ...ask.message, secret: ask.secret });
    return { pictures: [], valid };
  },

  "replicate.secret": async (ask) => {
    const secret = await replicateClient(ask).webhooks.default.secret.get();
    return { pictures: [], secret: secret.key };
  },

  "ai.generate": async (ask) => {
    const { createOpenAI } = require("@ai-sdk/openai");
    const { generateImage, experimental_generateImage } = require("ai");
    const openai = createOpenAI({ apiKey: "k", baseURL: ask.url });
    const more = ask.timeout_s === undefined ? {} : { abortSignal: AbortSignal.timeout(ask.timeout_s * 1000) };
    const answer = await (generateImage ?? experimental_generateImage)({
      model: openai.image(ask.args.model),
      prompt: ask.args.prompt,
      ...more,
    });
    return { pictures: answer.images.map((image) => image.base64) };
  },
};

function problem(error) {
  const inner = error.lastError ?? error;
  return {
    class: error.constructor?.name ?? "Error",
    status: inner.status ?? inner.statusCode ?? inner.response?.status ?? null,
    code: typeof inner.code === "string" ? inner.code : null,
    request_id: inner.requestID ?? null,
    text: String(error.message).slice(0, 300),
  };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const ask = JSON.parse(line);
    let answer;
    try {
      answer = await CALLS[ask.call](ask);
    } catch (error) {
      answer = { pictures: [], error: problem(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
