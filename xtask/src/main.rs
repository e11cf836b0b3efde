//! Tasks of the project.
use testbed::*;
fn main() {
    let layout = Layout::of_this_program().unwrap();
    let tools = tools::Tools::fetch(&layout).unwrap();
    let a: Vec<String> = std::env::args().skip(1).collect();
    let k = a[0].parse::<kernels::Kernel>().unwrap().fetch(&layout, &tools).unwrap();
    let job = boot::Job::new(a[1].clone().into(), a[2..].to_vec(), &tools).unwrap();
    let b = boot::Boot::new(&layout, &k, &tools);
    let r = if std::env::var_os("T").is_some() {
        b.run_on_terminal(&job)
    } else {
        b.run(&job, &mut std::io::stdout(), &mut std::io::stderr())
    };
    println!("{r:?}");
}
