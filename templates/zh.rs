// What visitors read in a browser, in simplified Chinese. en.rs says how texts are written; the
// types of places are there only.

texts! {
    templates {
        language = "zh";
        direction = "ltr";
        welcome = "欢迎";
        logged_in_as = ["当前用户：", ""];
        not_logged_in = "未登录";
        you_are_not_logged_in = "您尚未登录";
        click_to_log_in = "点击这里登录";
        click_to_log_out = "点击这里退出登录";
        log_out_everywhere = "在所有浏览器中退出登录";
        log_in = "登录";
        login_button = "登录";
        your_name = "用户名";
        password = "密码";
        stay_logged_in = "保持登录状态";
        demo_note = "演示：可以使用任意用户名。";
        log_out = "退出登录";
        log_out_question = "要退出登录吗？";
        change_password = "修改密码";
        old_password = "旧密码";
        new_password = "新密码";
        new_password_again = "再次输入新密码";
        password_rule = ["至少 ", " 个字符，类型不限。"];
        ends_other_logins = "您在这里会保持登录状态，并在其他所有浏览器中退出登录。";
        your_sessions = "您的登录会话";
        this_browser = "当前浏览器";
        logged_in_since = ["登录时间：", ""];
        last_used = ["上次使用：", ""];
        end_session = "结束此会话";
        end_other_sessions = "结束其他所有会话";
        most_sessions = ["此处显示最近的 ", " 个会话。下面的按钮也会结束其余的会话。"];
        back = "返回";
        to_first_page = "返回首页";
        files = "文件";
        folders_above = "上级文件夹";
        empty_folder = "此文件夹为空。";
        pages = "页码";
        previous_page = "上一页";
        next_page = "下一页";
        error_number = ["错误 ", "，编号 ", ""];
    }

    // A list of files.
    protected_files = "文件";
    column_name = "名称";
    column_size = "大小";
    column_changed = "修改时间（UTC）";
    decimal(whole, tenth) = "{whole}.{tenth}";
    bytes(number) = "{number} B";
    kilobytes(number) = "{number} kB";
    megabytes(number) = "{number} MB";
    gigabytes(number) = "{number} GB";
    terabytes(number) = "{number} TB";
    page_of(number, last) = "第 {number} 页，共 {last} 页";

    // What came of a click on "Log out everywhere".
    logged_out_everywhere = "您已在所有浏览器中退出登录。";
    logged_out_here_only = "您仅在当前浏览器中退出了登录。目前无法在其他浏览器中退出登录。";

    // What came of a change of the password.
    password_changed = "密码已修改。您在其他所有浏览器中均已退出登录。";
    no_new_password = "请输入两次新密码。";
    different_passwords = "两次输入的新密码不一致，请重新输入。";
    short_password(number, fewest) = "新密码只有 {number} 个字符，请至少使用 {fewest} 个字符。";
    long_new_password(bytes) = "新密码太长。请最多使用 {bytes} 个字符；如果包含英文字母、数字和英文符号以外的字符，则须更短。";
    common_password = "新密码是最常见的密码之一，攻击者会首先尝试。请换一个密码。";
    name_as_password = "新密码与您的用户名相同。请换一个密码。";
    unusable_password = "新密码中含有不能使用的字符。";
    no_password_change = "目前无法在此修改密码。请向网站管理员索取新密码。";

    // The list of a user's sessions.
    moment(year, month, day, hour, minute) = "{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC";
    early_last_use(time) = "会话实际的上次使用时间可能比显示的时间晚，最多晚 {time}。";
    last_change = "“上次使用”指会话最近一次更改的时间，此后会话可能还被使用过。";
    session_ended = "该会话已结束。";
    session_gone = "该会话此前已经结束。";
    other_sessions_ended = "其他所有会话均已结束。";

    // What is wrong with a login.
    no_name = "请输入用户名。";
    no_password = "请输入密码。";
    long_password(bytes) = "密码太长，最多 {bytes} 个字符。";
    wrong_old_password = "旧密码错误。请注意区分大小写。";
    wrong_login = "用户名或密码错误。请注意区分大小写。";
    wait_for_login(time) = "登录尝试次数过多，请在 {time}后重试。";
    seconds(number) = "{number} 秒";
    minutes(number) = "{number} 分钟";
    hours(number) = "{number} 小时";
    days(number) = "{number} 天";
    two_names = "表单中有两个用户名，请只输入一个。";
    long_name(letters) = "用户名太长，最多 {letters} 个字符。";
    control_characters = "用户名中含有不能使用的字符。";

    // The heading of an error page, and one sentence for each status.
    error_heading(status, phrase) = {
        400 => "请求无效",
        401 => "需要登录",
        403 => "禁止访问",
        404 => "页面不存在",
        405 => "请求方法不被允许",
        408 => "请求超时",
        411 => "缺少长度信息",
        413 => "请求过大",
        414 => "网址过长",
        415 => "不支持的格式",
        500 => "内部错误",
        503 => "暂时无法使用",
        _ => "错误：{phrase}"
    };
    not_understood = "无法理解该请求。";
    from_another_site = "该请求来自其他网站，已被拒绝。";
    no_page = "此网址没有对应的页面。";
    wrong_method = "不能以这种方式使用此页面。";
    too_slow = "请求未能及时到达。";
    no_length = "请求没有说明其长度。";
    request_too_large = "请求过大。";
    address_too_long = "网址过长。";
    wrong_form = "此页面无法读取以这种方式发送的表单。";
    refused = "该请求已被拒绝。";
    went_wrong = "本网站出现了错误。";
    not_ready = "本网站尚未准备就绪。";

    // Sentences for failures that the status does not tell.
    too_large_for_cookie = "内容过多，cookie 无法保存。没有作任何更改，之前保存的内容仍然存在。";
    too_large_to_store = "内容过多，无法保存。没有作任何更改，之前保存的内容仍然存在。";
    forbidden(user) = "您当前以 {user} 的身份登录，但此账号无权打开此页面。如需使用其他账号，请先退出登录。如需访问权限，请联系网站管理员。";
    unreadable_file = "本网站无权读取此内容，因此无法显示。";
    no_file = "目前无法显示此文件，请稍后再试。";
    out_of_order = "目前无法显示此页面。如果您之前已登录，登录状态仍然有效。";
    no_groups = "目前无法显示此页面：本网站无法读取用户组列表。如果您之前已登录，登录状态仍然有效。";
    no_users = "目前无法登录：本网站无法读取用户列表。如果您之前已登录，登录状态仍然有效。";
    empty_users = "暂时还无法登录：本网站的用户文件中没有用户。";
    nothing_protected = "此页面受到保护，但这里可以用任意用户名登录，因此不予显示。";
    no_login_address = "此页面受到保护，但 Web 服务器不知道登录页面的地址。";
    no_sessions = "本网站目前无法保存会话。";
    store_unavailable = "目前无法读取本网站保存的与您有关的信息。信息没有丢失，请一分钟后再试。";
}
