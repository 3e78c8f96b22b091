/** Characters of a call's arguments, and of what it returned, that an entry of the work log holds. */
export const CONTENT = 20_000;

/** A text as the service clips it: head and tail, and in between how much was cut. It counts whole characters. */
export function clip(text: string, limit = CONTENT): string {
  if (text.length <= limit) return text;
  const characters = Array.from(text);
  if (characters.length <= limit) return text;
  const note = `\n… ${characters.length - limit} characters cut …\n`;
  const room = Math.max(limit - note.length, 0);
  const head = Math.floor(room / 2);
  const tail = room - head;
  return characters.slice(0, head).join("") + note + (tail > 0 ? characters.slice(-tail).join("") : "");
}
