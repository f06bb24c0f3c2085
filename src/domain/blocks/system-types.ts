/** The block types that every Prefect server has from the start, as Prefect 3.8.8's classes describe themselves. */
import type { BlockTypeCreate } from "../../contract/wire/blocks.ts";
import type { JsonObject } from "../../contract/wire/common.ts";

export interface SystemBlock {
  type: BlockTypeCreate;
  schema: { fields: JsonObject; capabilities: string[]; version: string };
}

export const SYSTEM_BLOCKS: readonly SystemBlock[] = [
  {
    type: {
      name: "Local File System",
      slug: "local-file-system",
      logo_url:
        "https://raw.githubusercontent.com/PrefectHQ/prefect/420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos/filesystem.png",
      documentation_url: "https://docs.prefect.io/latest/develop/results#specifying-a-default-filesystem",
      description: "Store data as a file on a local file system.",
      code_example:
        'Load stored local file system config:\n```python\nfrom prefect.filesystems import LocalFileSystem\n\nlocal_file_system_block = LocalFileSystem.load("BLOCK_NAME")\n```',
    },
    schema: {
      fields: {
        block_schema_references: {},
        block_type_slug: "local-file-system",
        description: "Store data as a file on a local file system.",
        properties: {
          basepath: {
            anyOf: [{ type: "string" }, { type: "null" }],
            default: null,
            description: "Default local path for this block to write to.",
            title: "Basepath",
            position: 0,
          },
        },
        secret_fields: [],
        title: "LocalFileSystem",
        type: "object",
      },
      capabilities: ["get-directory", "put-directory", "read-path", "write-path"],
      version: "3.8.8",
    },
  },
  {
    type: {
      name: "Secret",
      slug: "secret",
      logo_url:
        "https://raw.githubusercontent.com/PrefectHQ/prefect/420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos/secret.png",
      documentation_url: "https://docs.prefect.io/latest/develop/blocks",
      description:
        "A block that represents a secret value. The value stored in this block will be obfuscated when this block is viewed or edited in the UI.",
      code_example:
        '```python\nfrom prefect.blocks.system import Secret\n\nSecret(value="sk-1234567890").save("BLOCK_NAME", overwrite=True)\n\nsecret_block = Secret.load("BLOCK_NAME")\n\n# Access the stored secret\nsecret_block.get()\n```',
    },
    schema: {
      fields: {
        block_schema_references: {},
        block_type_slug: "secret",
        description:
          "A block that represents a secret value. The value stored in this block will be obfuscated when this block is viewed or edited in the UI.",
        properties: {
          value: {
            anyOf: [
              { format: "password", type: "string", writeOnly: true },
              { title: "string", type: "string" },
              { $ref: "#/definitions/JsonValue", title: "JSON" },
            ],
            description: "A value that should be kept secret.",
            examples: ["sk-1234567890", { password: "s3cr3t", username: "johndoe" }],
            format: "password",
            title: "Value",
            writeOnly: true,
            position: 0,
          },
        },
        required: ["value"],
        secret_fields: ["value", "value"],
        title: "Secret",
        type: "object",
        definitions: { JsonValue: {} },
      },
      capabilities: [],
      version: "3.8.8",
    },
  },
  {
    type: {
      name: "Webhook",
      slug: "webhook",
      logo_url:
        "https://raw.githubusercontent.com/PrefectHQ/prefect/420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos/webhook.png",
      documentation_url: "https://docs.prefect.io/latest/automate/events/webhook-triggers",
      description: "Block that enables calling webhooks.",
      code_example:
        '```python\nfrom prefect.blocks.webhook import Webhook\n\nwebhook_block = Webhook.load("BLOCK_NAME")\n```',
    },
    schema: {
      fields: {
        block_schema_references: {},
        block_type_slug: "webhook",
        description: "Block that enables calling webhooks.",
        properties: {
          method: {
            default: "POST",
            description: "The webhook request method. Defaults to `POST`.",
            enum: ["GET", "POST", "PUT", "PATCH", "DELETE"],
            title: "Method",
            type: "string",
            position: 0,
          },
          url: {
            description: "The webhook URL.",
            examples: ["https://hooks.slack.com/XXX"],
            format: "password",
            title: "Webhook URL",
            type: "string",
            writeOnly: true,
            position: 1,
          },
          headers: {
            description: "A dictionary of headers to send with the webhook request.",
            title: "Webhook Headers",
            type: "object",
            position: 2,
          },
          allow_private_urls: {
            default: true,
            description: "Whether to allow notifications to private URLs. Defaults to True.",
            title: "Allow Private Urls",
            type: "boolean",
            position: 3,
          },
          verify: {
            default: true,
            description: "Whether or not to enforce a secure connection to the webhook.",
            title: "Verify",
            type: "boolean",
            position: 4,
          },
        },
        required: ["url"],
        secret_fields: ["url", "headers.*"],
        title: "Webhook",
        type: "object",
      },
      capabilities: [],
      version: "3.8.8",
    },
  },
];
