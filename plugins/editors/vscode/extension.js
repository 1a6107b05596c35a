// repoctx in VS Code: findings as problems, fixes as quick fixes, and the commands
// "repoctx: Ask", "Edit" and "Review" about the selection, or the file.
//
// In this folder: npm install && npx @vscode/vsce package --allow-missing-repository
// --skip-license && code --install-extension repoctx-0.1.0.vsix

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

const WORDS = {
  "repoctx.ask": ["question", "What to ask"],
  "repoctx.edit": ["instruction", "What to change"],
};

let client;

// A command of the palette comes without its argument: the place, and what is asked.
async function completed(command, given, next) {
  if (given.length) return next(command, given);
  const editor = vscode.window.activeTextEditor;
  if (!editor) return vscode.window.showErrorMessage("repoctx: open a file first");
  const argument = { uri: editor.document.uri.toString() };
  if (!editor.selection.isEmpty) {
    argument.range = client.code2ProtocolConverter.asRange(editor.selection);
  }
  if (command in WORDS) {
    const [name, prompt] = WORDS[command];
    argument[name] = await vscode.window.showInputBox({ prompt });
    if (!argument[name]) return undefined;
  }
  return next(command, [argument]);
}

exports.activate = () => {
  const [command, ...args] = vscode.workspace.getConfiguration("repoctx").get("command");
  client = new LanguageClient(
    "repoctx",
    { command, args: [...args, "lsp"] },
    { documentSelector: [{ scheme: "file" }], middleware: { executeCommand: completed } },
  );
  return client.start();
};

exports.deactivate = () => client?.stop();
