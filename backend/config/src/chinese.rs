//! What the settings mean, in Chinese.

/// The meaning of the setting of this name.
pub(crate) fn meaning(name: &str) -> Option<&'static str> {
    let found = MEANINGS.iter().find(|(known, _)| *known == name);
    found.map(|(_, meaning)| *meaning)
}

const MEANINGS: &[(&str, &str)] = &[
    (
        "ENVIRONMENT",
        "`development` 或 `production`；生产环境采用安全的默认值，并拒绝以不安全的设置启动",
    ),
    (
        "LOG_LEVEL",
        "`error`、`warn`（或 `warning`）、`info`、`debug` 或 `trace`，不分大小写",
    ),
    (
        "LOG_FORMAT",
        "`json`、`pretty` 或 `auto`：非生产环境的终端中为易读格式，其余情况每行一个 JSON 对象",
    ),
    (
        "DATA_DIR",
        "SQLite 数据库、最近一次可用副本和 run.json 所在的目录",
    ),
    (
        "HOST",
        "监听的地址；未设置时开发环境为 127.0.0.1，生产环境为 0.0.0.0",
    ),
    ("GATEWAY_PORT", "网关的端口；0 表示任选一个空闲端口"),
    ("REGISTRY_PORT", "注册中心的端口；0 表示任选一个空闲端口"),
    ("CORE_PORT", "核心服务的端口；0 表示任选一个空闲端口"),
    (
        "BACKUP_PORT",
        "`saas backup schedule` 的端口，供健康检查与指标使用；0 表示任选一个空闲端口",
    ),
    (
        "DATABASE_URL",
        "`postgresql://user:password@host:5432/db` 或 `sqlite:///path/file.db`；未设置时使用数据目录中的 SQLite",
    ),
    (
        "DATABASE_MIN_CONNECTIONS",
        "始终保持打开的 PostgreSQL 连接数",
    ),
    ("DATABASE_MAX_CONNECTIONS", "PostgreSQL 连接数的上限"),
    (
        "REDIS_URL",
        "`redis://:password@host:6379/0`：各核心服务在此缓存，各网关在此共同计数；未设置时使用进程内缓存，限流按每个网关的份额计",
    ),
    (
        "SECRET_KEY",
        "根密钥，至少 32 字节，其他所有密钥都由它派生；开发环境会自动生成并保存在数据目录中",
    ),
    (
        "SECRET_KEY_PREVIOUS",
        "与它一同被接受的另一个根密钥：轮换期间的下一个或上一个",
    ),
    (
        "PUBLIC_URL",
        "人和程序访问网关的地址，也是令牌的签发者；未设置时为网关自身的地址",
    ),
    ("CONSOLE_URL", "访问控制台的地址；未设置时同 PUBLIC_URL"),
    ("REGISTRY_URL", "注册中心的地址；多个副本以逗号分隔"),
    (
        "ADVERTISE_ADDRESS",
        "本进程登记时使用的地址，例如 Pod 的地址；未设置时为监听的地址",
    ),
    (
        "METRICS_TOKEN",
        "访问 /metrics、/health 的细节以及读取注册中心所需的令牌；生产环境必填",
    ),
    (
        "CORS_ORIGINS",
        "允许其网页调用 API 的来源，以逗号分隔；`*` 表示全部，仅限开发环境",
    ),
    (
        "TRUSTED_PROXIES",
        "其 X-Forwarded-For 可信的地址或网段，以逗号分隔",
    ),
    (
        "UPSTREAM_NETWORKS",
        "实例可以位于的地址或网段，以逗号分隔；链路本地地址以及各家云的元数据地址一律不允许",
    ),
    (
        "RATE_LIMIT_PER_TENANT",
        "每个租户每秒的请求数，突发可达两倍；0 表示不限制",
    ),
    (
        "RATE_LIMIT_PER_ADDRESS",
        "每个客户端地址每秒的请求数，突发可达两倍；0 表示不限制",
    ),
    (
        "MAX_UPLOAD_MIB",
        "可通过网关的最大请求体，单位 MiB；0 表示不限制",
    ),
    (
        "GATEWAY_THREADS",
        "网关的工作线程数；未设置时每个 CPU 核一个",
    ),
    (
        "TLS_CERT_FILE",
        "网关的证书及其证书链（PEM）；设置后网关在 HTTPS_PORT 上提供 https；多份证书以逗号分隔，按主机名选用；文件更新后一分钟内生效",
    ),
    (
        "TLS_KEY_FILE",
        "TLS_CERT_FILE 的私钥（PEM，无口令）；数目和顺序与证书一致",
    ),
    ("TLS_MIN_VERSION", "所支持的最低 TLS 版本，`1.2` 或 `1.3`"),
    (
        "HTTPS_PORT",
        "网关的 https 端口，与 GATEWAY_PORT 并存；0 表示任选一个空闲端口；仅在设置了 TLS_CERT_FILE 或 ACME_DOMAINS 时使用",
    ),
    (
        "HTTP_REDIRECT_PORT",
        "将所有访问引导到 https 的端口；未设置则没有",
    ),
    (
        "TLS_CA_FILE",
        "除系统自带之外另行信任的证书颁发机构（PEM）：用于 PostgreSQL（`sslmode=verify-full`）、Redis（`rediss://`）以及其他被调用的服务",
    ),
    (
        "ACME_DOMAINS",
        "由网关通过 ACME 申请并续期证书的主机名，以逗号分隔；仅适用于单个网关，且外部须以 443 端口访问到它的 HTTPS_PORT",
    ),
    ("ACME_EMAIL", "证书颁发机构可以写信联系的地址"),
    (
        "ACME_DIRECTORY_URL",
        "证书颁发机构；未设置时为 Let's Encrypt",
    ),
    (
        "ACME_AGREE_TERMS",
        "`yes`：同意证书颁发机构的条款；与 ACME_DOMAINS 一起使用时必填",
    ),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "访问令牌的有效期（分钟）"),
    ("REFRESH_TOKEN_EXPIRE_DAYS", "会话在不使用时保持有效的天数"),
    (
        "SIGNUP",
        "`open` 或 `closed`：陌生人能否自行注册；未设置时开发环境开放，生产环境关闭",
    ),
    ("ADMIN_EMAIL", "首位管理员的电子邮箱"),
    (
        "ADMIN_PASSWORD",
        "首位管理员的密码；未设置时自动生成，只显示一次，且必须修改",
    ),
    (
        "BACKUP_DIR",
        "存放备份的目录；未设置时为 DATA_DIR 下的 `backups`",
    ),
    (
        "BACKUP_COMPRESSION",
        "备份的压缩方式：`zstd`，或任何机器都能读取的 `gzip`",
    ),
    (
        "BACKUP_RECIPIENTS",
        "age 的公钥（`age1…`，由 `age-keygen` 生成），以逗号分隔，备份为其加密；未设置时不加密",
    ),
    (
        "BACKUP_IDENTITY",
        "用于解密的 age 私钥（`AGE-SECRET-KEY-1…`）；只生成备份则不需要，以演练证明备份则需要",
    ),
    (
        "BACKUP_RETENTION_DAYS",
        "`saas backup prune` 保留全部备份的天数；最新的一份始终保留",
    ),
    (
        "BACKUP_KEEP_DAILY",
        "此外还按 UTC 保留最近多少个有备份的日子里每天最新的一份；只要有任何一条规则保留，备份就不会删除",
    ),
    ("BACKUP_KEEP_WEEKLY", "同上，按周计算，每周从星期一开始"),
    ("BACKUP_KEEP_MONTHLY", "同上，按月计算"),
    (
        "BACKUP_S3_BUCKET",
        "S3 兼容存储中的存储桶，备份会复制到那里；未设置时只存放在 BACKUP_DIR 中",
    ),
    (
        "BACKUP_S3_PREFIX",
        "存储桶中备份名称之前的部分，例如 `production`；每个安装都需要自己的位置",
    ),
    (
        "BACKUP_S3_ENDPOINT",
        "存储的地址，例如 `https://s3.example.com`；未设置时为 AWS 在该区域的地址",
    ),
    ("BACKUP_S3_REGION", "存储桶所在的区域"),
    (
        "BACKUP_S3_ACCESS_KEY_ID",
        "有权使用该存储桶的访问密钥 ID；所需权限见 BACKUP.md",
    ),
    ("BACKUP_S3_SECRET_ACCESS_KEY", "与之对应的秘密访问密钥"),
    (
        "BACKUP_S3_PART_SIZE_MIB",
        "一次发送多少 MiB，也就是复制所占用的内存；更大的备份按此大小分段发送，5 到 1024",
    ),
    (
        "BACKUP_SCHEDULE",
        "`saas up` 与 `saas backup schedule` 生成备份的时间：五段 cron 表达式（分、时、日、月、星期），按 UTC；或 `off`",
    ),
    (
        "BACKUP_ON_SUCCESS",
        "备份完成时通知谁：一个网址（以 POST 发送 JSON），或一个程序的绝对路径",
    ),
    ("BACKUP_ON_FAILURE", "备份失败时通知谁，方式相同"),
    (
        "BACKUP_DRILL_SCHEDULE",
        "`saas up` 与 `saas backup schedule` 何时以演练证明最新的备份可用，格式相同；或 `off`",
    ),
    (
        "RECOVERY_TIME_OBJECTIVE_SECONDS",
        "从开始恢复到首次登录允许的时长（秒）；演练超出时即为失败",
    ),
    (
        "RECOVERY_POINT_OBJECTIVE_SECONDS",
        "恢复后的状态最多可以多旧（秒）；演练所用备份更旧时即为失败",
    ),
    (
        "VAULT_ADDR",
        "HashiCorp Vault 的地址，例如 `https://vault.example.com:8200`；设置后机密优先从那里读取，见 VAULT.md",
    ),
    (
        "VAULT_PATH",
        "机密在 Vault 中的路径，位于 VAULT_MOUNT 之下；其中的键就是标为机密的设置的名称",
    ),
    ("VAULT_MOUNT", "KV 机密引擎（版本 2）的挂载点"),
    ("VAULT_NAMESPACE", "Vault 的命名空间（若有）"),
    (
        "VAULT_CACERT",
        "访问 Vault 时在系统之外还信任的证书颁发机构（PEM）；未设置时用 TLS_CA_FILE",
    ),
    ("VAULT_TOKEN", "访问 Vault 的令牌；三种登录方式之一"),
    (
        "VAULT_ROLE_ID",
        "以 AppRole 登录时的角色标识，与 VAULT_SECRET_ID 一同使用",
    ),
    ("VAULT_SECRET_ID", "与 VAULT_ROLE_ID 配对的机密标识"),
    (
        "VAULT_APPROLE_MOUNT",
        "Vault 的 AppRole 登录方式在 `auth/` 之下的挂载点",
    ),
    ("VAULT_KUBERNETES_ROLE", "以 Pod 的服务账号登录时所用的角色"),
    (
        "VAULT_KUBERNETES_MOUNT",
        "Vault 的 Kubernetes 登录方式在 `auth/` 之下的挂载点",
    ),
    (
        "VAULT_KUBERNETES_TOKEN_FILE",
        "服务账号的令牌文件；未设置时为 Kubernetes 放置它的位置",
    ),
    (
        "SHUTDOWN_GRACE_SECONDS",
        "收到停止信号后，进行中的请求最多还可持续的秒数",
    ),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "链路追踪数据的去处（OTLP over HTTP），例如 `http://collector:4318`，其后自动加上 `/v1/traces`；未设置时不产生追踪数据",
    ),
    (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "发往采集器的请求头，形如 `name=value`，以逗号分隔；采集器要求的密钥写在这里",
    ),
    (
        "OTEL_SERVICE_NAME",
        "span 的 `service.name`；未设置时为 `gateway`、`core` 或 `registry`",
    ),
    (
        "OTEL_TRACES_SAMPLER",
        "由谁决定是否记录一条追踪：`parentbased_traceidratio` 听从随请求带来追踪的客户端，`traceidratio` 则不听从；也可用 `always_on`、`always_off`，前面可加 `parentbased_`",
    ),
    (
        "OTEL_TRACES_SAMPLER_ARG",
        "记录追踪的比例，0 到 1，例如 0.01",
    ),
];
