// @ts-check
/** Calls to Entra ID and Graph, on connections that are kept. */
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
const LIMIT_MS = 10_000;

/**
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: string }} [options]
 * @returns {Promise<{ status: number, headers: Record<string, string>, text: string }>}
 */
export function send(url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
    const request = http.request(url, { method, agent, headers: { ...headers, ...length }, timeout: LIMIT_MS }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, headers: /** @type {any} */ (answer.headers), text }),
      );
      answer.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
    request.on("error", reject);
    request.end(body);
  });
}

/** MSAL insists on https authorities, and the emulator speaks http: its addresses are spelled so for MSAL alone. */
export class PlainHttp {
  /** @param {string} base The emulator's address. */
  constructor(base) {
    this.base = base;
    this.secure = base.replace(/^http:/, "https:");
  }

  /** @param {string} url @param {{ headers?: Record<string, string> }} [options] */
  sendGetRequestAsync(url, options) {
    return this.#send(url, { headers: options?.headers });
  }

  /** @param {string} url @param {{ headers?: Record<string, string>, body?: string }} [options] */
  sendPostRequestAsync(url, options) {
    return this.#send(url, { method: "POST", headers: options?.headers, body: options?.body });
  }

  /** @param {string} url @param {Parameters<typeof send>[1]} options */
  async #send(url, options) {
    const { status, headers, text } = await send(url.replace(this.secure, this.base), options);
    return { status, headers, body: JSON.parse(text) };
  }
}
