// Numbers, money and days as the reader's browser writes them.

const whole_ = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const exact_ = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short_ = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent_ = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

export const whole = (number) => whole_.format(number);
export const exact = (number) => exact_.format(number);
export const short = (number) => short_.format(number);
export const percent = (share) => percent_.format(share);
export const count = (number, one, many) => `${whole(number)} ${number === 1 ? one : many}`;

const SIZES = [[1e9, "GB"], [1e6, "MB"], [1e3, "KB"]];

export function bytes(number) {
  const [one, name] = SIZES.find(([one]) => number >= one) ?? [1, "bytes"];
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(number / one)} ${name}`;
}

const plain = (value) => (Math.abs(value) >= 10000 ? whole(value) : exact(value));
let written = plain;
export const money = (value) => written(value);

// All money of a build is of one currency; where nobody said which, it has none.
export function useCurrency(code) {
  try {
    const style = { style: "currency", currency: code ?? "" };
    const exact = new Intl.NumberFormat(undefined, style), whole = new Intl.NumberFormat(undefined, { ...style, maximumFractionDigits: 0 });
    written = (value) => (Math.abs(value) >= 10000 ? whole : exact).format(value);
  } catch {
    written = code ? (value) => `${plain(value)} ${code}` : plain;
  }
}

const date = (text) => new Date(`${text.slice(0, 10)}T00:00:00Z`);
const written_as = (style) => (text) => date(text).toLocaleDateString(undefined, { ...style, timeZone: "UTC" });
export const day = written_as({ dateStyle: "medium" });
export const month = written_as({ month: "short", year: "numeric" });
export const daysAgo = (text) => Math.floor((Date.now() - date(text)) / 86400000);
export const later = (text, days) => new Date(date(text).getTime() + days * 86400000).toISOString().slice(0, 10);
export const time = (text) => date(text).getTime();
