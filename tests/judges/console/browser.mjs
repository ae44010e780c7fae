// The browser, and what every job in it needs. CHROMIUM names the browser; else it is that of @sparticuz/chromium, which comes
// as a package with all that it needs (on x86-64), or the machine's own.
import { existsSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { CONSOLE_URL, KEY, CHROMIUM } = process.env;

/** One fact a line, for whoever started this. */
export const say = (fact) => console.log(JSON.stringify(fact));

/** The packaged browser's fonts have no Arabic; the console itself takes those of whoever looks. */
const bringArabic = async () => {
  const require = createRequire(import.meta.url);
  const folder = process.env.FONTCONFIG_PATH ?? join(tmpdir(), "fonts");
  await mkdir(folder, { recursive: true });
  for (const weight of ["400Regular", "600SemiBold", "700Bold"]) {
    const font = `NotoSansArabic_${weight}.ttf`;
    await copyFile(require.resolve(`@expo-google-fonts/noto-sans-arabic/${weight}/${font}`), join(folder, font));
  }
};

export const launch = async () => {
  const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"];
  if (CHROMIUM) return chromium.launch({ executablePath: CHROMIUM, args: quiet });
  try {
    // By this it brings its libraries along, as it does on Lambda.
    process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs22.x";
    const { default: packed } = await import("@sparticuz/chromium");
    // It comes set up for one page in one process; here contexts come and go.
    const executablePath = await packed.executablePath();
    await bringArabic();
    const args = packed.args.filter((arg) => arg !== "--single-process" && arg !== "--no-zygote");
    return await chromium.launch({ executablePath, args: [...args, ...quiet], headless: true });
  } catch (error) {
    console.error(`the packaged browser does not start: ${String(error).split("\n")[0]}`);
  }
  const own = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  return chromium.launch({ executablePath: own, args: quiet });
};

/** The address of a page. */
export const link = (path) => CONSOLE_URL + path;
/** Loopback counts as secure, so its pages get the cookies of this address. */
export const SITE = new URL(CONSOLE_URL).origin.replace("http:", "https:") + "/";

/** Somebody's browser, with nothing in it yet. */
export const person = (browser, options = {}) => browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 }, ...options });

export const prefer = (context, { language = "en", theme = "light", digits = "latin" }) =>
  context.addCookies([{ name: "__Host-preferences", value: `${language}.${theme}.${digits}`, url: SITE, secure: true, httpOnly: true, sameSite: "Lax" }]);

/** Signs in with the key, from wherever the page is sent to. */
export const signIn = async (page, key = KEY) => {
  await page.goto(link("/sign-in"));
  await page.fill("#key", key);
  await page.click("form:has(#key) button");
  await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
};

/** The page, below the console, to which the first of these links leads; nothing where there is none. */
export const found = async (page, path, selector) => {
  await page.goto(link(path));
  const first = page.locator(selector).first();
  return (await first.count()) ? new URL(await first.getAttribute("href"), page.url()).href.slice(CONSOLE_URL.length) : undefined;
};
