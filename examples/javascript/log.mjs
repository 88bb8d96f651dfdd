// Log predictions and, later, labels from Node.js 18 or newer, with nothing but what it brings along:
//   node examples/javascript/log.mjs
// sends a day of made-up customers to a Driftdeck at http://127.0.0.1:8501 (declare examples/driftdeck.toml first).
// In your service, `send` and `Batches` are all you need.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const ADDRESS = process.env.DECK_URL ?? "http://127.0.0.1:8501";
const TOKEN = process.env.DRIFTDECK_TOKEN;

/**
 * Post rows and return the answer, { accepted, duplicates, rejected }, which comes once they are on disk.
 *
 * All attempts carry the same key, so rows that arrived although the answer was lost are not taken twice. A server that is busy
 * (429) or away says how long to wait (Retry-After), or is left alone a little longer each time.
 */
export async function send(path, rows, attempts = 8) {
  const headers = { "Content-Type": "application/x-ndjson", "Idempotency-Key": randomUUID() };
  if (TOKEN) headers.Authorization = `Bearer ${TOKEN}`;
  const body = rows.map((row) => JSON.stringify(row)).join("\n"); // JSON lines: one row a line
  let problem;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    let pause = Math.min(30, 2 ** attempt / 8) * (0.5 + Math.random());
    try {
      const signal = AbortSignal.timeout(30_000);
      const answer = await fetch(`${ADDRESS}/api/v1${path}`, { method: "POST", headers, body, signal });
      const said = await answer.text();
      if (answer.ok) return JSON.parse(said);
      problem = new Error(`${path}: ${answer.status} ${said}`);
      if (answer.status !== 429 && answer.status < 500) throw Object.assign(problem, { final: true });
      pause = Number(answer.headers.get("Retry-After")) || pause;
    } catch (error) {
      if (error.final) throw error;
      problem = error;
    }
    if (attempt < attempts) await sleep(pause * 1000);
  }
  throw new Error(`${path}: given up after ${attempts} attempts`, { cause: problem });
}

/** Rows collected until there are enough of them, or a second has passed: one request for many predictions. */
export class Batches {
  #rows = [];
  #timer;
  #last = Promise.resolve();
  #path;
  #size;

  constructor(path, size = 500) {
    this.#path = path;
    this.#size = size;
  }

  /** Queue a row; nothing here waits for the network. */
  add(row) {
    this.#rows.push(row);
    this.#timer ??= setTimeout(() => this.#post(), 1000);
    if (this.#rows.length >= this.#size) this.#post();
  }

  /** Send what is queued and wait until all of it is answered for. */
  async flush() {
    this.#post();
    await this.#last;
  }

  #post() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#rows.splice(0);
    if (!rows.length) return;
    this.#last = this.#last.then(() => send(this.#path, rows)).then(told, (error) => console.error(error));
  }
}

const tally = { accepted: 0, duplicates: 0 };

function told(answer) {
  tally.accepted += answer.accepted;
  tally.duplicates += answer.duplicates;
  for (const { row, field, error } of answer.rejected) console.error(`row ${row}, ${field}: ${error}`);
}

/** What your model makes of a customer. */
function model({ "customer age": age }) {
  return 1 / (1 + Math.exp((age - 42) / 10));
}

/** Predictions first, as a service makes them; what became true of the customers, days later. */
async function main() {
  const day = new Date().toISOString().slice(0, 10);
  const predictions = new Batches("/models/churn/logs");
  const outcomes = new Map();
  for (let i = 0; i < 600; i++) {
    const features = { "customer age": 20 + ((i * 7) % 50), "monthly spend": 10 + (i % 40), plan: "basic", "has app": i % 3 > 0 };
    const began = performance.now();
    const score = model(features);
    const latency_ms = performance.now() - began;
    const prediction_id = `js-${day}-${i}`; // whoever learns the truth needs it again
    const event_time = new Date(Date.parse(day) + i * 1000).toISOString();
    const prediction = score > 0.5 ? "yes" : "no";
    predictions.add({ prediction_id, event_time, model_version: "2026-10", latency_ms, features, prediction, score });
    outcomes.set(prediction_id, score > 0.6 ? "yes" : "no");
  }
  await predictions.flush();

  const labels = new Batches("/models/churn/labels");
  for (const [prediction_id, label] of outcomes) labels.add({ prediction_id, label });
  await labels.flush();
  console.log(`accepted ${tally.accepted}, were there ${tally.duplicates}`);
}

await main();
