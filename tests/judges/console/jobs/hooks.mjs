// Inbound webhooks.
import { found } from "../browser.mjs";

export const pages = async ({ page }) => [["hooks", "/hooks"], ["hook", await found(page, "/hooks", "tbody th a")]];
