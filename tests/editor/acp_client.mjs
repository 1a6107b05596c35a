// npm's SDK as a client of the agent: node acp_client.mjs SDK CWD AGENT...
// Prints what every method of the SDK made of the agent's answers, and each line as it
// crossed a pipe with whether the agent wrote it; as one line of JSON.
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { Readable, Writable } from "node:stream";

const [sdk, cwd, ...command] = process.argv.slice(2);
const acp = await import(pathToFileURL(sdk).href);
const child = spawn(command[0], command.slice(1), { cwd, stdio: ["pipe", "pipe", "inherit"] });
const wire = [];
const updates = [];
const asked = [];
let choice = "reject";
let onChunk = () => {};

function tapped(ours) {
  const decoder = new TextDecoder();
  let rest = "";
  return new TransformStream({
    transform(chunk, out) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) wire.push([ours, line]);
      out.enqueue(chunk);
    },
    flush() {
      if (rest) wire.push([ours, rest]);
    },
  });
}

const app = acp
  .client({ name: "test" })
  .onNotification(acp.methods.client.session.update, ({ params }) => {
    updates.push(params.update);
    if (params.update.sessionUpdate === "agent_message_chunk") onChunk();
  })
  .onRequest(acp.methods.client.session.requestPermission, ({ params }) => {
    asked.push(params.options.map((option) => option.kind));
    return { outcome: { outcome: "selected", optionId: choice } };
  })
  .onRequest(acp.methods.client.fs.readTextFile, async ({ params }) => {
    try {
      return { content: await readFile(params.path, "utf8") };
    } catch {
      throw acp.RequestError.resourceNotFound(params.path);
    }
  })
  .onRequest(acp.methods.client.fs.writeTextFile, async ({ params }) => {
    await writeFile(params.path, params.content);
    return {};
  });

const going = tapped(false);
const gone = going.readable.pipeTo(Writable.toWeb(child.stdin)).catch(() => {});
const coming = Readable.toWeb(child.stdout).pipeThrough(tapped(true));
const stream = acp.ndJsonStream(going.writable, coming);
const told = {};
await app.connectWith(stream, async (agent) => {
  const call = (method, params) => agent.request(method, params);
  const { session } = acp.methods.agent;
  told.initialize = await call(acp.methods.agent.initialize, {
    protocolVersion: acp.PROTOCOL_VERSION,
    clientCapabilities: { fs: { readTextFile: true, writeTextFile: true } },
    clientInfo: { name: "test", version: "1" },
  });
  const opened = await call(session.new, { cwd, mcpServers: [] });
  told.opened = opened;
  const sessionId = opened.sessionId;
  const ask = async (text) =>
    (await call(session.prompt, { sessionId, prompt: [{ type: "text", text }] })).stopReason;
  told.stops = [await ask("what does add do?"), await ask("/edit make it multiply")];
  choice = "allow_always";
  told.stops.push(await ask("/apply"));
  const begun = new Promise((resolve) => (onChunk = resolve));
  const slow = ask("slowly, please");
  await begun;
  await agent.notify(session.cancel, { sessionId });
  told.stops.push(await slow);
  told.config = await call(session.setConfigOption, { sessionId, configId: "mode", value: "edit" });
  await call(session.setMode, { sessionId, modeId: "ask" });
  told.listed = await call(session.list, { cwd });
  await call(session.close, { sessionId });
  told.loaded = await call(session.load, { cwd, sessionId, mcpServers: [] });
  told.resumed = await call(session.resume, { cwd, sessionId, mcpServers: [] });
  told.error = await ask("/apply").then(String, (error) => error.message);
});
told.updates = [...new Set(updates.map((update) => update.sessionUpdate))].sort();
told.asked = asked;
child.stdin.end();
told.exit = await new Promise((resolve) => child.on("close", resolve));
await gone;
told.wire = wire;
console.log(JSON.stringify(told));
