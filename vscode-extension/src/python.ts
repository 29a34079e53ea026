// What the Python extensions know, if one is there; neither is needed.

import * as vscode from "vscode";

interface EnvironmentsApi {
  getEnvironment(scope: vscode.Uri | undefined): Promise<{ execInfo?: { run?: { executable?: string } } } | undefined>;
  onDidChangeEnvironment?: vscode.Event<unknown>;
}

interface PythonApi {
  environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    resolveEnvironment(path: unknown): Promise<{ executable?: { uri?: vscode.Uri } } | undefined>;
    onDidChangeActiveEnvironmentPath?: vscode.Event<unknown>;
  };
}

async function api<T>(id: string): Promise<T | undefined> {
  const extension = vscode.extensions.getExtension<T>(id);
  try {
    return extension && (extension.isActive ? extension.exports : await extension.activate());
  } catch {
    return undefined;
  }
}

const environments = () => api<EnvironmentsApi>("ms-python.vscode-python-envs");
const python = () => api<PythonApi>("ms-python.python");

/** The interpreter selected for a folder. */
export async function selectedInterpreter(folder: vscode.Uri | undefined): Promise<string | undefined> {
  try {
    const found = await (await environments())?.getEnvironment?.(folder);
    if (found?.execInfo?.run?.executable) {
      return found.execInfo.run.executable;
    }
  } catch {
    // the other extension may know
  }
  try {
    const known = (await python())?.environments;
    const resolved = known && (await known.resolveEnvironment(known.getActiveEnvironmentPath(folder)));
    return resolved?.executable?.uri?.fsPath;
  } catch {
    return undefined;
  }
}

/** Calls back when another interpreter is selected. */
export async function onInterpreterChange(changed: () => void): Promise<vscode.Disposable[]> {
  const events = [(await environments())?.onDidChangeEnvironment, (await python())?.environments?.onDidChangeActiveEnvironmentPath];
  return events.filter((event) => event !== undefined).map((event) => event(changed));
}
