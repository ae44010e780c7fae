// What every page must let everyone do: reach and see everything by keyboard alone, read it twice as large, and in the colours
// that the device chooses.
import { strict as assert } from "node:assert";

/** As wide as 1280 px at 400 %, and as a small phone (WCAG 2.2, 1.4.10 Reflow). */
const NARROW = { width: 320, height: 640 };

/** What can be pressed, entered or chosen, and is to be seen. */
const interactive = () => {
  const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
  const seen = Array.from(all).filter((one) => one.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && !one.disabled && one.tabIndex >= 0);
  // Of radio buttons with one name, Tab leads to one; the arrows to the others.
  return seen.filter((one) => one.type !== "radio" || one.checked || !document.querySelector(`input[type=radio][name="${one.name}"]:checked`));
};

/** What has the focus now: who, and whether that is to be seen. */
const focused = () => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  one.dataset.reached = "1";
  return {
    name: `${one.tagName.toLowerCase()} ${one.id || one.name || one.textContent.trim().slice(0, 30)}`,
    outlined,
    on_screen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    frame: one.tagName === "IFRAME",
  };
};

/** To before everything on the page. */
const toTheBeginning = () => {
  scrollTo(0, 0);
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  document.body.blur();
};

/** Goes through a page by Tab: everything is reached, in no trap, and one sees where one is. */
export const byKeyboard = async (page, name) => {
  await page.evaluate(toTheBeginning);
  const count = await page.evaluate(`(${interactive})().length`);
  let first;
  for (let step = 0; step < count * 8 + 12; step += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(focused);
    if (!at) {
      if (step > 0) break;
      continue;
    }
    first ??= at.name;
    if (at.frame) continue;
    assert.ok(at.outlined, `${name}: nobody sees that ${at.name} has the focus`);
    assert.ok(at.on_screen, `${name}: ${at.name} has the focus off the screen`);
  }
  const missed = await page.evaluate(`(${interactive})().filter((one) => !one.dataset.reached).map((one) => one.outerHTML.slice(0, 120))`);
  assert.deepEqual(missed, [], `${name}: Tab does not lead to everything`);
  return { first, count };
};

/** The first Tab leads to a link past the navigation, and it goes there. */
export const skips = async (page, name) => {
  await page.evaluate(toTheBeginning);
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains("skip")), `${name}: the first Tab skips nothing`);
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main", `${name}: one skips to the content`);
};

/** Nothing is wider than a narrow screen, and the menu opens there without a mouse. */
export const narrow = async (page, name) => {
  const before = page.viewportSize();
  await page.setViewportSize(NARROW);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const culprits = wide > 0 ? await page.evaluate(() => Array.from(document.querySelectorAll("main *")).filter((one) => {
    const box = one.getBoundingClientRect();
    return (box.right > innerWidth + 1 || box.left < -1) && !one.closest(".scroll, pre, .hidden");
  }).slice(0, 3).map((one) => one.outerHTML.slice(0, 120))) : [];
  assert.ok(wide <= 0, `${name} is ${wide} px too wide at ${NARROW.width} px: ${culprits.join(" ")}`);
  await page.setViewportSize(before);
};

/** On a phone, the menu is closed, opens and closes by keyboard, and holds every place. */
export const menu = async (page) => {
  const before = page.viewportSize();
  await page.setViewportSize(NARROW);
  const summary = page.locator(".menu > summary");
  await page.locator(".menu:not([open])").waitFor();
  await summary.focus();
  await page.keyboard.press("Enter");
  await page.locator(".menu[open] a").first().waitFor({ state: "visible" });
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.matches(".menu a")), "from the menu's button to its first place");
  await page.keyboard.press("Escape");
  await page.locator(".menu:not([open])").waitFor();
  assert.ok(await summary.evaluate((one) => one === document.activeElement), "closed, one is where one opened it");
  await page.setViewportSize(before);
};

/** With the device's colours, what is chosen and where the focus is are still told. */
export const inForcedColours = async (page, name) => {
  await page.emulateMedia({ forcedColors: "active" });
  const here = page.locator(".side a[aria-current]").first();
  if (await here.count()) assert.notEqual(await here.evaluate((one) => getComputedStyle(one).outlineStyle), "none", `${name}: where one is, is told by colour alone`);
  await page.emulateMedia({ forcedColors: null });
};
