// What a program on a Node.js older than 22.21 needs for its fetch, and so for the SDKs, to obey
// HTTPS_PROXY: loaded before it by --require.
const { EnvHttpProxyAgent, setGlobalDispatcher } = require('undici');

setGlobalDispatcher(new EnvHttpProxyAgent());
