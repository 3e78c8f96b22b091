/** A terminal's colours in a text, for output that is read rather than replayed. */
export interface Stretch {
  text: string;
  look: string;
}

const ESCAPE = String.fromCharCode(27);
const CODE = new RegExp(`${ESCAPE}\\[([0-9;]*)([A-Za-z])`, "g");
const OTHER = new RegExp(`${ESCAPE}(?:\\][^\\u0007${ESCAPE}]*(?:\\u0007|${ESCAPE}\\\\)|[()][A-Z0-9]|[=>78cDEHMNOZ])`, "g");

/** The classes are those of app.css: the eight colours, with the bright ones as the same. */
export function stretches(line: string): Stretch[] {
  const found: Stretch[] = [];
  const text = line.replace(OTHER, "");
  let bold = false;
  let dim = false;
  let colour: number | null = null;
  let end = 0;
  const push = (piece: string): void => {
    if (piece) found.push({ text: piece, look: [colour === null ? "" : `ansi-${colour}`, bold ? "font-bold" : "", dim ? "opacity-70" : ""].filter(Boolean).join(" ") });
  };
  for (const match of text.matchAll(CODE)) {
    push(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[2] !== "m") continue;
    const codes = (match[1] ?? "").split(";").map(Number);
    for (let index = 0; index < codes.length; index += 1) {
      const code = codes[index] ?? 0;
      if (code === 0) {
        bold = false;
        dim = false;
        colour = null;
      } else if (code === 1) bold = true;
      else if (code === 2) dim = true;
      else if (code === 22) {
        bold = false;
        dim = false;
      } else if (code >= 30 && code <= 37) colour = code - 30;
      else if (code >= 90 && code <= 97) colour = code - 90;
      else if (code === 39) colour = null;
      else if (code === 38 || code === 48) index += codes[index + 1] === 5 ? 2 : 4;
    }
  }
  push(text.slice(end));
  return found;
}
