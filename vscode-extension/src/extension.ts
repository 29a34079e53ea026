// Starts the server, restarts it when it should be another one, and shows in one place how it is.

import { execFile } from "node:child_process";
import { homedir } from "node:os";
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  type ErrorHandler,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  type ServerOptions,
  State,
  TransportKind,
} from "vscode-languageclient/node";
import { onInterpreterChange, selectedInterpreter } from "./python";
import { Serial } from "./serial";
import { expand, type Found, findServer, PROBE, parseProbe, type Probe } from "./server";

const STATUS = "tensight/status";
const RESTARTED_BY = ["tensight.path", "tensight.interpreter", "tensight.logLevel"];

let client: LanguageClient | undefined;
let restart: Serial | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("Tensight", { log: true });
  const serverLog = vscode.window.createOutputChannel("Tensight Server", { log: true });
  const status = vscode.languages.createLanguageStatusItem("tensight", { language: "python" });
  status.name = "Tensight";
  let found: Found | undefined;

  function show(text: string, severity: vscode.LanguageStatusSeverity, detail?: string): void {
    status.text = text;
    status.severity = severity;
    status.detail = detail;
    status.busy = false;
    status.command = { command: "tensight.showLogs", title: "Show log" };
  }

  async function start(): Promise<void> {
    await stop(log);
    show("Tensight", vscode.LanguageStatusSeverity.Information, "starting");
    status.busy = true;
    try {
      found = await find(context);
      if ("problem" in found) {
        log.error(found.problem);
        show("Tensight: no server", vscode.LanguageStatusSeverity.Error, found.problem);
        return;
      }
      const { program, args } = found.command;
      log.info(`server (${found.from}): ${program} ${args.join(" ")}`);
      client = newClient(found, serverLog);
      client.onDidChangeState((event) => {
        if (event.newState === State.Stopped) {
          show("Tensight: stopped", vscode.LanguageStatusSeverity.Warning, "Restart it with “Tensight: Restart Server”");
        }
      });
      client.onNotification(STATUS, (news: { busy?: boolean; problems?: string[] }) => {
        const problems = news.problems ?? [];
        const severity = problems.length ? vscode.LanguageStatusSeverity.Warning : vscode.LanguageStatusSeverity.Information;
        show("Tensight", severity, problems[0] ?? "");
        status.busy = news.busy === true;
      });
      await client.start();
      show("Tensight", vscode.LanguageStatusSeverity.Information);
    } catch (error) {
      log.error(`the server does not start: ${error}`);
      show("Tensight: no server", vscode.LanguageStatusSeverity.Error, `The server does not start: ${error}`);
    }
  }

  restart = new Serial(start, 500);
  const soon = () => restart?.later();
  context.subscriptions.push(
    log,
    serverLog,
    status,
    vscode.commands.registerCommand("tensight.restart", () => restart?.now()),
    vscode.commands.registerCommand("tensight.showLogs", () => log.show()),
    vscode.commands.registerCommand("tensight.showServerLogs", () => serverLog.show()),
    vscode.commands.registerCommand("tensight.debugInformation", () => debugInformation(context, found)),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (RESTARTED_BY.some((name) => event.affectsConfiguration(name))) {
        soon();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(soon),
  );
  context.subscriptions.push(...(await onInterpreterChange(soon)));
  await restart.now();
}

export async function deactivate(): Promise<void> {
  restart?.stop();
  await stop();
}

/** A client that is slow to stop, or already gone, is no reason to complain. */
async function stop(log?: vscode.LogOutputChannel): Promise<void> {
  const old = client;
  client = undefined;
  try {
    await old?.dispose(5000);
  } catch (error) {
    log?.info(`while stopping: ${error}`);
  }
}

async function find(context: vscode.ExtensionContext): Promise<Found> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const settings = vscode.workspace.getConfiguration("tensight", folder);
  const full = (text: string) => expand(text, folder?.fsPath, homedir(), process.env);
  const sources = {
    path: settings.get<string[]>("path", []).map(full),
    interpreter: full(settings.get<string>("interpreter", "")),
    // an interpreter inside a workspace that is not trusted is the workspace's own program
    selected: vscode.workspace.isTrusted ? await selectedInterpreter(folder) : undefined,
    onPath: process.platform === "win32" ? ["python", "py"] : ["python3", "python"],
  };
  // not in the workspace's folder, from which Python would import
  const probe = (interpreter: string) => ask(interpreter, context.extensionPath);
  return findServer(sources, settings.get<string>("logLevel", "warning"), probe);
}

function ask(interpreter: string, cwd: string): Promise<Probe | undefined> {
  return new Promise((resolve) => {
    execFile(interpreter, PROBE, { cwd, timeout: 15_000, windowsHide: true }, (_, output) => resolve(parseProbe(output)));
  });
}

function newClient(found: Extract<Found, { command: unknown }>, serverLog: vscode.LogOutputChannel): LanguageClient {
  const server: ServerOptions = {
    command: found.command.program,
    args: [...found.command.args],
    transport: TransportKind.stdio,
    options: { env: { ...process.env, PYTHONSAFEPATH: "1", PYTHONUTF8: "1" } },
  };
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "python" },
      { scheme: "untitled", language: "python" },
    ],
    outputChannel: serverLog,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    errorHandler: quietly(),
    initializationOptions: {
      fileLinks: true,
      status: true,
      trusted: vscode.workspace.isTrusted,
      settings: vscode.workspace.getConfiguration("tensight"),
    },
  };
  return new LanguageClient("tensight", "Tensight", server, options);
}

/** Restarts a server that died, a few times; the status item tells, nothing pops up. */
function quietly(): ErrorHandler {
  const deaths: number[] = [];
  return {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    closed: () => {
      const now = Date.now();
      deaths.push(now);
      const recent = deaths.filter((time) => now - time < 3 * 60_000);
      return { action: recent.length <= 4 ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true };
    },
  };
}

async function debugInformation(context: vscode.ExtensionContext, found: Found | undefined): Promise<void> {
  const settings = vscode.workspace.getConfiguration("tensight");
  const content = JSON.stringify(
    {
      extension: context.extension.packageJSON.version,
      editor: vscode.version,
      platform: process.platform,
      trusted: vscode.workspace.isTrusted,
      server: found,
      initialized: client?.initializeResult?.serverInfo,
      settings,
    },
    undefined,
    2,
  );
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: "json", content }));
}
