// JSON as text. Payloads are not parsed, because JSON.parse rounds long numbers.

// stringEnd returns the index after a string. at is the index after its opening quote.
function stringEnd(text, at) {
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text[quote - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

const isSpace = (c) => c === ' ' || c === '\n' || c === '\r' || c === '\t';

function skipSpace(text, at) {
  while (isSpace(text[at])) at++;
  return at;
}

// valueEnd returns the index after the value that starts at an index.
function valueEnd(text, at) {
  let depth = 0;
  while (at < text.length) {
    const c = text[at];
    if (c === '"') {
      at = stringEnd(text, at + 1);
      if (depth === 0) return at;
      continue;
    }
    if (c === '{' || c === '[') depth++;
    if (c === '}' || c === ']') {
      if (depth <= 1) return at + depth;
      depth--;
    }
    if (c === ',' && depth === 0) return at;
    at++;
  }
  return at;
}

// members returns the members of an object by name, each value as text.
function members(text) {
  const found = new Map();
  for (let at = skipSpace(text, 1); text[at] === '"';) {
    const nameEnd = stringEnd(text, at + 1);
    const begin = skipSpace(text, skipSpace(text, nameEnd) + 1); // after the colon
    const end = valueEnd(text, begin);
    found.set(JSON.parse(text.slice(at, nameEnd)), text.slice(begin, end).trimEnd());
    at = skipSpace(text, skipSpace(text, end) + 1); // after the comma
  }
  return found;
}

// Invisible characters and characters that change the text direction are shown as JSON escapes. Names also have their spaces
// escaped, except the usual one: two names that look the same are the same.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]/gu;
const INVISIBLE_IN_NAMES = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]|(?! )\p{Zs}/gu;
const escapeUnit = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
const escapeInvisible = (text) => text.replace(INVISIBLE, (c) => (c === '\n' ? c : c.split('').map(escapeUnit).join('')));
const escapeName = (text) => text.replace(INVISIBLE_IN_NAMES, (c) => c.split('').map(escapeUnit).join(''));

// indent writes each member and element on its own line. It stops after limit characters.
function indent(json, limit = Infinity) {
  const parts = [];
  let depth = 0;
  let size = 0;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  for (let at = 0; at < json.length && size < limit;) {
    const c = json[at];
    let end = at + 1;
    let part = c;
    if (isSpace(c)) {
      part = '';
    } else if (c === '"') {
      end = stringEnd(json, end);
      part = json.slice(at, Math.min(end, at + limit - size));
    } else if (c === '{' || c === '[') {
      const next = skipSpace(json, end);
      if (json[next] === '}' || json[next] === ']') {
        part = c + json[next];
        end = next + 1;
      } else {
        depth++;
        part = c + newLine();
      }
    } else if (c === '}' || c === ']') {
      depth--;
      part = newLine() + c;
    } else if (c === ',') {
      part = c + newLine();
    } else if (c === ':') {
      part = ': ';
    } else {
      while (end < json.length && !',]}'.includes(json[end]) && !isSpace(json[end])) end++;
      part = json.slice(at, end);
    }
    parts.push(part);
    size += part.length;
    at = end;
  }
  return escapeInvisible(parts.join(''));
}
