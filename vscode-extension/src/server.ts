// Which program serves: pure logic, so that it can be tested without an editor.

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** What asking an interpreter told: its version, and whether the server is installed in it; undefined if it does not run. */
export interface Probe {
  readonly version: readonly [number, number];
  readonly installed: boolean;
}

export interface Sources {
  /** The setting `tensight.path`: a whole command. */
  readonly path: readonly string[];
  /** The setting `tensight.interpreter`. */
  readonly interpreter: string;
  /** The interpreter that a Python extension has selected for the workspace. */
  readonly selected: string | undefined;
  /** Programs that may be on the path, in order. */
  readonly onPath: readonly string[];
}

export type Found = { readonly command: Command; readonly from: string } | { readonly problem: string };

export const OLDEST: readonly [number, number] = [3, 11];
const MODULE = "tensight_server";

/** Prints the version and whether the server is there; nothing of the workspace is imported, since it runs elsewhere. */
export const PROBE = [
  "-c",
  `import sys, importlib.util as u; print(sys.version_info[0], sys.version_info[1], int(u.find_spec("${MODULE}") is not None))`,
];

export function parseProbe(output: string): Probe | undefined {
  const match = /^(\d+) (\d+) ([01])\s*$/m.exec(output);
  return match ? { version: [Number(match[1]), Number(match[2])], installed: match[3] === "1" } : undefined;
}

/** The server's command line in an interpreter. -P keeps the workspace's folder off the places to import from. */
export function serverCommand(interpreter: string, logLevel: string): Command {
  return { program: interpreter, args: ["-P", "-m", MODULE, "--log-level", logLevel] };
}

/** The first source that works; a setting that names something is taken at its word, with nothing tried after it. */
export async function findServer(
  sources: Sources,
  logLevel: string,
  probe: (interpreter: string) => Promise<Probe | undefined>,
): Promise<Found> {
  const [program, ...args] = sources.path;
  if (program) {
    return { command: { program, args }, from: "tensight.path" };
  }
  if (sources.interpreter) {
    const problem = problemOf(sources.interpreter, await probe(sources.interpreter));
    return problem ? { problem } : { command: serverCommand(sources.interpreter, logLevel), from: "tensight.interpreter" };
  }
  const candidates: [string, string][] = [];
  if (sources.selected) {
    candidates.push([sources.selected, "the selected interpreter"]);
  }
  candidates.push(...sources.onPath.map((name): [string, string] => [name, "the path"]));
  const problems: string[] = [];
  for (const [interpreter, from] of candidates) {
    const problem = problemOf(interpreter, await probe(interpreter));
    if (!problem) {
      return { command: serverCommand(interpreter, logLevel), from };
    }
    problems.push(problem);
  }
  return { problem: problems[0] ?? "No Python was found: set tensight.interpreter." };
}

function problemOf(interpreter: string, probe: Probe | undefined): string | undefined {
  if (!probe) {
    return `${interpreter} cannot be run: set tensight.interpreter.`;
  }
  const [major, minor] = probe.version;
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `${interpreter} is Python ${major}.${minor}; Tensight needs ${OLDEST.join(".")} or newer: set tensight.interpreter.`;
  }
  return probe.installed ? undefined : `tensight is not installed in ${interpreter}: run "${interpreter} -m pip install tensight".`;
}

/** `${workspaceFolder}`, `${userHome}` and `${env:NAME}` in a setting. */
export function expand(text: string, folder: string | undefined, home: string, env: Record<string, string | undefined>): string {
  return text
    .replaceAll("${workspaceFolder}", folder ?? "")
    .replaceAll("${userHome}", home)
    .replace(/\$\{env:([^}]+)\}/g, (_, name: string) => env[name] ?? "")
    .replace(/^~(?=[/\\]|$)/, home);
}
