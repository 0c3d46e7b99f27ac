/** One line of the parenthesised notation in which 0.17.0 kept its tokens: lists of atoms, quoted strings and lists. */
export type LinoNode = string | LinoList;
export type LinoList = readonly LinoNode[];

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const ESCAPED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };
/** Space; an opening or closing parenthesis; a quoted string; an atom, which a space or a parenthesis ends. */
const TOKEN = /\s+|[()]|"(?:[^"\\]|\\.)*"|[^\s()"][^\s()]*/suy;

/** The list that the line is. Throws an error when it is none, or more than one. */
export function parseLinoLine(line: string): LinoList {
  const root: LinoNode[] = [];
  const open: LinoNode[][] = [root];
  for (const token of tokens(line)) {
    const list = open.at(-1);
    if (!list) break;
    if (token === '(') {
      const inner: LinoNode[] = [];
      list.push(inner);
      open.push(inner);
    } else if (token === ')') open.pop();
    else list.push(token.startsWith('"') ? unquote(token) : token);
  }
  const [list, ...more] = root;
  if (open.length !== 1 || !list || typeof list === 'string' || more.length > 0) {
    throw new Error('not one list in parentheses');
  }
  return list;
}

/** A quoted string that stays on its line. */
export function quoteLino(text: string): string {
  return `"${text.replaceAll(/[\n\r\t"\\]/g, (character) => ESCAPED[character] ?? character)}"`;
}

function* tokens(line: string): Generator<string> {
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < line.length) {
    const column = pattern.lastIndex;
    const [token] = pattern.exec(line) ?? [];
    if (token === undefined) throw new Error(`a quoted string without an end at column ${column + 1}`);
    if (token.trim() !== '') yield token;
  }
}

/** An escape that means nothing stands for the character itself. */
function unquote(token: string): string {
  return token.slice(1, -1).replaceAll(/\\(.)/gsu, (_, character: string) => ESCAPES[character] ?? character);
}
