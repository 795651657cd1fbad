// @ts-check
/**
 * One silent acquisition by MSAL Node through the shared token cache, as a worker for absent users makes it. Everything
 * comes from the environment; prints one JSON object. The matrix of languages in docs/interop.md runs it.
 */

/** @param {string} name */
function variable(name) {
  const value = process.env[name];
  if (!value) throw Object.assign(new Error(`${name} is not set`), { code: "configuration" });
  return value;
}

/**
 * Puts this process's clock ahead, as that of the stack is. Before anything else is loaded, so that nothing keeps the real one.
 *
 * @param {number} seconds
 */
function shiftClock(seconds) {
  const RealDate = Date;
  const now = () => RealDate.now() + seconds * 1000;
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (target, values, newTarget) => Reflect.construct(target, values.length ? values : [now()], newTarget),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  });
}

async function main() {
  shiftClock(Number(process.env.CLOCK_OFFSET_SECONDS || 0));
  const { version } = await import("@azure/msal-node");
  const { DynamoDBClient, KMSClient, KmsKeys, LocalKey, TokenStore } = await import("shared-token-cache");
  const { clientOf, PlainHttp, whoIs } = await import("./emulator.mjs");

  const table = variable("TABLE_NAME");
  const clientId = variable("ENTRA_CLIENT_ID");
  const scopes = variable("SCOPES").split(" ");
  // Addresses, region and credentials are read from the environment by the AWS SDK.
  const dynamodb = new DynamoDBClient({});
  const keyArn = process.env.SEALING_KEY_ARN;
  const sealer = keyArn
    ? new KmsKeys({ kms: new KMSClient({}), keyArn, dynamodb, table })
    : new LocalKey(variable("SEALING_LOCAL_KEY"));
  const store = new TokenStore({ dynamodb, table, clientId, sealer });
  const cache = await store.open(variable("ACCOUNT"));
  const versionRead = cache.version;

  const http = new PlainHttp();
  const client = clientOf({
    clientId,
    clientSecret: variable("ENTRA_CLIENT_SECRET"),
    tenantId: variable("ENTRA_TENANT_ID"),
    http,
    cachePlugin: cache,
  });
  const result = await client.acquireTokenSilent({
    account: cache.account,
    scopes,
    forceRefresh: process.env.FORCE_REFRESH === "1",
  });
  const mayReadUser = scopes.some((scope) => /(^|\/)User\.Read$/i.test(scope));
  return {
    library: `MSAL Node ${version}`,
    source: result.fromCache ? "cache" : "network",
    tokenRequests: http.postedGrants.length,
    metadataRequests: http.gets,
    username: result.account?.username ?? null,
    graphUser: mayReadUser ? await whoIs(result.accessToken) : null,
    written: cache.version !== versionRead,
  };
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  const { message, code, errorCode } = /** @type {Error & { code?: string, errorCode?: string }} */ (error);
  console.log(JSON.stringify({ error: message, code: errorCode ?? code ?? null }));
  process.exitCode = 1;
}
