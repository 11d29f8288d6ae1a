// The conversation of services.bats with the example for node-redis. usage: services-node-redis.mjs SOCKET serve|call
import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Services } from "./services.mjs";

const [path, mode] = process.argv.slice(2);
const services = await Services.connect({ socket: { path, reconnectStrategy: 20 } });
const isUdsd = (await services.asker.info("server")).includes("udsd_version");

async function work(request) {
	const [word, payload] = request.match(/^([a-z]*) ?([^]*)$/).slice(1);
	if (word === "fail")
		throw new Error(payload);
	if (word === "sleep")
		await sleep(60000);
	if (word === "die")
		process.kill(process.pid, "SIGKILL");
	return word === "upper" ? payload.toUpperCase() : String(process.pid);
}

const errorOf = (...args) => services.call(...args).then(() => "", (error) => `${error.code}|${error.message}`);

async function untilAnswered() {
	while (await errorOf("work", "upper x", 1000))
		await sleep(50);
}

async function call() {
	// Without a worker: udsd says so at once, Redis never.
	assert.match(await errorOf("nobody", "x", 100), isUdsd ? /^NOSERVICE/ : /^TIMEOUT/);
	await untilAnswered();
	console.log("answered");
	assert.equal(await services.call("work", "upper a\r\n b\0", 20000), "A\r\n B\0");
	assert.equal(await errorOf("work", "fail no such order", 20000), "FAILED|FAILED no such order");
	console.log("failed");
	for (const pids = new Set(); pids.size < 2;) {
		const numbers = Array.from({ length: 40 }, (_, i) => i);
		const answers = await Promise.all(numbers.map((i) => services.call("work", `upper c${i}`, 20000)));
		assert.deepEqual(answers, numbers.map((i) => `C${i}`));
		for (const pid of await Promise.all(numbers.map(() => services.call("work", "pid", 20000))))
			pids.add(pid);
	}
	console.log("shared");
	assert.match(await errorOf("work", "die", isUdsd ? 20000 : 100), isUdsd ? /^GONE/ : /^TIMEOUT/);
	await untilAnswered();
	console.log("died");
	assert.match(await errorOf("work", "sleep", 100), /^TIMEOUT/);
	console.log("late");
	await once(process.stdin, "data");
	await untilAnswered();
	console.log("again");
	services.close();
	process.stdin.destroy();
}

await (mode === "serve" ? services.serve("work", work) : call());
