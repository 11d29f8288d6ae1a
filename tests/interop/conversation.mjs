// What the conversations of both libraries for Node.js share.
import assert from "node:assert/strict";
import { createInterface } from "node:readline/promises";

export const BYTES = Buffer.from([...Array(256).keys(), 13, 10]);

// What was received and not yet expected.
export class Received {
	#messages = [];
	#waiting = null;

	put(...message) {
		this.#messages.push(message);
		this.#waiting?.();
	}

	async expect(...wanted) {
		if (this.#messages.length === 0)
			await new Promise((resolve) => (this.#waiting = resolve));
		assert.deepEqual(this.#messages.shift(), wanted);
	}
}

export async function publishToBoth(bus, received, text) {
	const bytes = Buffer.from(text);
	assert.equal(await bus.publish("news", text), 1);
	assert.equal(await bus.publish("weather.oslo", text), 1);
	await received.expect("news", bytes);
	await received.expect("weather.oslo", bytes, "weather.*");
}

// Each line says that the daemon was restarted and has the subscriptions again.
export const restarts = () => createInterface({ input: process.stdin });

// from, from + 1, ..., to - 1
export const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

// Waits until a client is blocked, as INFO says.
export async function isBlocked(info) {
	while (!/blocked_clients:[1-9]/.test(await info()))
		await new Promise((resolve) => setTimeout(resolve, 20));
}
