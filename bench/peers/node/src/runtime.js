// @ts-check
/**
 * Lambda's runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): one connection that is kept, one
 * invocation after the other. In the peer's favour over Lambda's own client: no tracing, no structured log, no deadline.
 */
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

/**
 * @param {string} method
 * @param {string} path
 * @param {string} [body]
 * @returns {Promise<{ headers: http.IncomingHttpHeaders, text: string }>}
 */
function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const request = http.request(base + path, { method, agent, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ headers: answer.headers, text }));
      answer.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** @param {(event: any) => Promise<unknown>} handler */
export async function run(handler) {
  for (;;) {
    const { headers, text } = await call("GET", "/next");
    const id = headers["lambda-runtime-aws-request-id"];
    try {
      await call("POST", `/${id}/response`, JSON.stringify(await handler(JSON.parse(text))));
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      await call("POST", `/${id}/error`, JSON.stringify({ errorType: name, errorMessage: message }));
    }
  }
}
