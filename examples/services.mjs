/*
 * Requests to services with node-redis, over udsd; or, with another address, over redis-server or Valkey:
 *
 *     const services = await Services.connect({ socket: { path: "/run/udsd/udsd.sock" } });  // or { url: "redis://..." }
 *     services.serve("upper", async (payload) => payload.toUpperCase());                     // a worker, until close()
 *     await services.call("upper", "hello", 5000);                                           // "HELLO", or a ServiceError
 *
 * Payloads are texts. A worker handles one request at a time; serve() may be called several times. All calls share one
 * connection, so they use UDSD ASK, whose answers are published. With Redis, a request is an element of the list
 * service:NAME, "CHANNEL DEADLINE PAYLOAD", where the deadline is milliseconds since 1970; the answer is published to
 * that channel, an error to the channel with ":error" behind its name. See SERVICES in udsd-protocol(7) for what is lost.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";

/* Its code is NOSERVICE, BUSY, TIMEOUT, GONE, FAILED or NOPERM. After TIMEOUT and GONE it may have been done. */
export class ServiceError extends Error {
	code = this.message.split(" ", 1)[0];
}

export class Services {
	#options;
	#clients = [];
	#isClosed = false;
	#isUdsd;
	#prefix = `answer:${randomUUID()}:`;
	#count = 0;
	#calls = new Map(); // of channels: what ends the call

	static async connect(options) {
		const services = new Services();
		services.#options = options;
		const answers = await services.#open(options);
		// What waits for a connection would be sent when its caller has given up.
		services.asker = await services.#open({ ...options, disableOfflineQueue: true });
		for (const client of [answers, services.asker])
			client.on("error", (e) => services.#calls.forEach((end) => end(`GONE the connection was lost: ${e.message}`)));
		services.#isUdsd = (await services.asker.info("server")).includes("udsd_version");
		await answers.pSubscribe(services.#prefix + "*", (text, channel) => {
			const failed = channel.endsWith(":error");
			const prefix = failed && !services.#isUdsd ? "FAILED " : "";
			services.#calls.get(failed ? channel.slice(0, -6) : channel)?.(failed && prefix + text, text);
		});
		return services;
	}

	async #open(options) {
		const client = createClient(options).on("error", () => {}); // it connects again by itself
		this.#clients.push(client);
		return client.connect();
	}

	close() {
		this.#isClosed = true;
		this.#clients.forEach((client) => client.destroy());
	}

	/* timeout: in milliseconds. */
	call(service, payload, timeout = 30000) {
		const channel = this.#prefix + ++this.#count, list = `service:${service}`;
		const request = `${channel} ${Date.now() + timeout} ${payload}`;
		return new Promise((resolve, reject) => {
			const end = (error, answer) => {
				this.#calls.delete(channel);
				clearTimeout(timer);
				error ? reject(new ServiceError(error)) : resolve(answer);
			};
			// udsd says it itself; but the answer may be lost with the connection.
			const timer = setTimeout(() => {
				end("TIMEOUT no answer");
				this.#isUdsd || this.asker.lRem(list, 1, request).catch(() => {});
			}, timeout + (this.#isUdsd ? 1000 : 0));
			this.#calls.set(channel, end);
			(this.#isUdsd
				? this.asker.sendCommand(["UDSD", "ASK", service, payload, "REPLY", channel, "TIMEOUT", `${timeout}`])
				: this.asker.lPush(list, request)
			).catch(({ message }) => end(/^[A-Z]+ /.test(message) ? message : `GONE ${message}`));
		});
	}

	/* Answers requests with what handler(payload) returns, a text; if it throws an error, the call fails. */
	async serve(service, handler) {
		const worker = await this.#open({ ...this.#options, disableOfflineQueue: true });
		while (!this.#isClosed)
			await (this.#isUdsd ? this.#serveUdsd(worker, service, handler) : this.#serveRedis(worker, service, handler))
				.catch((error) => {
					if (error.message.startsWith("NOPERM")) throw error;
					return this.#isClosed || sleep(100);
				});
	}

	async #serveUdsd(worker, service, handler) {
		await worker.sendCommand(["UDSD", "SERVE", service]);
		let request = await worker.sendCommand(["UDSD", "NEXT"]);
		while (request) {
			const [failed, text] = await this.#handle(handler, request[5]);
			request = await worker.sendCommand(["UDSD", failed ? "FAIL" : "ANSWER", `${request[0]}`, text, "NEXT"]);
		}
	}

	async #serveRedis(worker, service, handler) {
		for (;;) {
			const { element } = await worker.brPop(`service:${service}`, 0);
			const [, channel, deadline, payload] = element.match(/^(\S+) (\d+) ([^]*)$/);
			if (Date.now() >= Number(deadline)) continue;
			const [failed, text] = await this.#handle(handler, payload);
			await this.asker.publish(failed ? `${channel}:error` : channel, text);
		}
	}

	async #handle(handler, payload) {
		try {
			return [false, await handler(payload)];
		} catch (error) {
			return [true, error.message || error.name];
		}
	}
}
